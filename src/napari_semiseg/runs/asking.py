"""What can be asked of a project's server; :mod:`runs.serving` lists the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue

from napari_semiseg.runs.control import ALL_LAYERS, send_job, send_preview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.runs.control import PreviewLayer, Request
    from napari_semiseg.runs.server_folder import ServerFolder


class RankWish(BaseModel):
    """Options of a request to rank; None: all images."""

    model_config = ConfigDict(frozen=True)

    images: tuple[str, ...] | None = None


class ExportWish(BaseModel):
    """Options of a request to export, see `request_export`."""

    model_config = ConfigDict(frozen=True)

    folder: str
    images: tuple[str, ...] = ()
    save: tuple[str, ...] | None = None
    objects: dict[str, JsonValue] = {}
    measurements: bool = True


class PaceWish(BaseModel):
    """Options of a request to measure the pace, see `request_pace`."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, Any]
    device: str = "auto"
    start: str = "scratch"
    minutes: float | None = None


def request_preview(
    folder: ServerFolder,
    image_id: str,
    box: Box,
    layers: tuple[PreviewLayer, ...] = ALL_LAYERS,
    run: str = "",
) -> Request:
    """Ask how a model sees a box; ``preview`` or ``refused`` answers.

    A newer request of the same image and run takes the place of an older one: that is
    ``cancelled``.

    Parameters
    ----------
    run
        Id of the run whose model shall answer; empty: the model in use.
    """
    return send_preview(folder.control, image_id, box, layers, run)


def request_ranking(
    folder: ServerFolder, images: Sequence[str] | None = None
) -> Request:
    """Ask for the confidence of images (ids; None: all), a ``ranked`` event each.

    Takes the place of an older request of the kind.
    """
    wish = RankWish(images=None if images is None else tuple(images))
    return send_job(folder.control, "rank", wish.model_dump(mode="json"))


def request_export(
    folder: ServerFolder,
    output: Path,
    *,
    images: Sequence[str] = (),
    save: Sequence[str] | None = None,
    objects: Mapping[str, JsonValue] | None = None,
    measurements: bool = True,
) -> Request:
    """Ask for files, as `api.export` writes them; ``exported`` is the last answer.

    Parameters
    ----------
    output
        Folder for the results.
    images
        Ids or names; none: all.
    save
        Kinds of files; None: the main one of the project's task.
    objects
        Fields of `api.ObjectOptions`.
    measurements
        Write a table beside each mask.
    """
    wish = ExportWish(
        folder=str(output),
        images=tuple(images),
        save=None if save is None else tuple(save),
        objects=dict(objects or {}),
        measurements=measurements,
    )
    return send_job(folder.control, "export", wish.model_dump(mode="json"))


def request_pace(
    folder: ServerFolder,
    settings: Settings,
    *,
    device: str = "auto",
    start: str = "scratch",
    minutes: float | None = None,
) -> Request:
    """Ask what a step of a training costs here; a ``pace`` event answers.

    Parameters
    ----------
    settings
        Of the training.
    device, start
        As for `runs.launch.train`.
    minutes
        Also say how many steps fit into so many minutes (``total_steps``).
    """
    wish = PaceWish(
        settings=settings.model_dump(mode="json"),
        device=device,
        start=start,
        minutes=minutes,
    )
    return send_job(folder.control, "pace", wish.model_dump(mode="json"))


def request_cancel(folder: ServerFolder, request: Request | str) -> Request:
    """Ask to leave what another request asked for; ``cancelled`` answers."""
    wanted = request if isinstance(request, str) else request.id
    return send_job(folder.control, "cancel", {"request": wanted})
