"""Requests of watchers: one atomic file each, so that none overwrites another."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from napari_semiseg.files import make_folder, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_semiseg.geometry import Box

RequestKind = Literal[
    "pause", "resume", "stop", "preview", "rank", "export", "pace", "cancel"
]
PreviewLayer = Literal["probability", "label", "confidence", "selected", "kind"]
ALL_LAYERS: tuple[PreviewLayer, ...] = (
    "probability",
    "label",
    "confidence",
    "selected",
    "kind",
)


class Request(BaseModel):
    """One wish of a watcher.

    Previews name the image, the box and the arrays wanted, and for a server the run
    whose model shall answer (empty: the one in use); what else is asked of a server has
    its ``options``, see :mod:`runs.serving`.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: RequestKind
    created: float
    image_id: str = ""
    origin: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    layers: tuple[PreviewLayer, ...] = ALL_LAYERS
    run: str = ""
    options: dict[str, JsonValue] = {}


def send(folder: Path, kind: Literal["pause", "resume", "stop"]) -> Request:
    """Ask the training process for a change of state; returns the request sent."""
    return _post(folder, Request(id=uuid.uuid4().hex, kind=kind, created=time.time()))


def send_preview(
    folder: Path,
    image_id: str,
    box: Box,
    layers: tuple[PreviewLayer, ...] = ALL_LAYERS,
    run: str = "",
) -> Request:
    """Ask for the teacher's view of ``box``; answered by a ``preview`` event."""
    request = Request(
        id=uuid.uuid4().hex,
        kind="preview",
        created=time.time(),
        image_id=image_id,
        origin=box.origin,
        size=box.size,
        layers=layers,
        run=run,
    )
    return _post(folder, request)


def send_job(
    folder: Path,
    kind: Literal["rank", "export", "pace", "cancel"],
    options: Mapping[str, JsonValue] | None = None,
) -> Request:
    """Ask a server for a longer piece of work, or to leave one (``request``)."""
    request = Request(
        id=uuid.uuid4().hex,
        kind=kind,
        created=time.time(),
        options=dict(options or {}),
    )
    return _post(folder, request)


class Inbox:
    """The training process' side: takes requests out of the folder.

    Parameters
    ----------
    folder
        The run's ``control`` folder.
    since
        Seconds since 1970. Older requests were meant for an earlier process and are
        dropped: an old stop would otherwise end a resumed run at once.
    """

    def __init__(self, folder: Path, since: float) -> None:
        self._folder = folder
        self._since = since

    def read(self) -> list[Request]:
        """Take all requests, oldest first."""
        found = [_take(path) for path in self._folder.glob("*.json")]
        fresh = [r for r in found if r is not None and r.created >= self._since]
        return sorted(fresh, key=lambda request: request.created)


def _post(folder: Path, request: Request) -> Request:
    make_folder(folder)
    write_bytes(folder / f"{request.id}.json", request.model_dump_json().encode())
    return request


def _take(path: Path) -> Request | None:
    # Hidden files are requests that are still being written.
    if path.name.startswith("."):
        return None
    try:
        request = Request.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        request = None
    path.unlink(missing_ok=True)
    return request
