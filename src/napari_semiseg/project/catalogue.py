"""From files to the records of a project, and from the records back to the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.project.identity import fingerprint
from napari_semiseg.project.places import is_image, recorded_path, stamp_of
from napari_semiseg.project.records import ImageItem, item_id
from napari_semiseg.project.reduction import at_reduction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_semiseg.project.records import Role


@dataclass(frozen=True)
class SkippedImage:
    """A file that was not added, and why; ``reason`` is one sentence."""

    path: Path
    reason: str
    error: SemisegError | None = None


@dataclass(frozen=True)
class AddedImages:
    """What became of the files to add: one item per image or frame."""

    added: tuple[ImageItem, ...]
    skipped: tuple[SkippedImage, ...] = ()


def catalogue(
    path: Path,
    folder: Path,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    role: Role = "pool",
    reduction: int = 1,
) -> list[ImageItem]:
    """Read a file once and record each of its frames.

    Raises
    ------
    SemisegError
        When the file cannot be read, its axes could mean several things, or it is too
        small for a reduced scale.
    """
    if path.is_dir() and not is_image(path):
        raise SemisegError(f"{path} holds no image that can be read here.")
    description = describe(path, axes=axes, channels=channels)
    stamp = stamp_of(path)
    items = []
    for frame in range(description.n_frames):
        marks = fingerprint(open_frame(description, frame))
        items.append(
            ImageItem(
                id=item_id(path.stem, marks.content_hash, frame, description.n_frames),
                path=recorded_path(path, folder),
                seen_at=path.as_posix(),
                frame=frame,
                n_frames=description.n_frames,
                axes=description.axes,
                channels=description.channels,
                full_shape=tuple(description.shape),
                dtype=description.dtype,
                n_channels=description.n_channels,
                content_hash=marks.content_hash,
                full_pixel_size=description.pixel_size,
                pixel_unit=description.pixel_unit or "pixel",
                low=marks.low,
                high=marks.high,
                role=role,
                stamp=stamp,
                words=description.words,
            )
        )
    return [at_reduction(item, reduction) for item in items]


def fitting(
    new: Iterable[Sequence[ImageItem]], present: Sequence[ImageItem], folder: Path
) -> AddedImages:
    """Those files of ``new`` (its frames each) that can join the images ``present``."""
    known = {item.content_hash: item for item in present}
    kept: list[ImageItem] = []
    skipped = []
    for items in new:
        first = next(iter(known.values()), items[0])
        if reason := _misfit(items, known, first.n_channels):
            path = (folder / items[0].path).resolve()
            skipped.append(SkippedImage(path, reason))
        else:
            kept.extend(items)
            known |= {item.content_hash: item for item in items}
    return AddedImages(tuple(kept), tuple(skipped))


def _misfit(
    items: Sequence[ImageItem], known: Mapping[str, ImageItem], n_channels: int
) -> str | None:
    """Why a file cannot join: its pixels are there already, or have other channels."""
    if all(item.content_hash in known for item in items):
        twin = known[items[0].content_hash]
        if twin.path == items[0].path:
            return f"{items[0].path} is already in the project."
        return f"{items[0].path} holds the same pixels as {twin.path} of this project."
    if items[0].n_channels != n_channels:
        return (
            f"{items[0].path} has {items[0].n_channels} channel(s), but the images of "
            f"this project have {n_channels}: choose channels, or make a project "
            "of its own for it."
        )
    return None
