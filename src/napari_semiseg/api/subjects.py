"""Images to predict, whether of a project or not, and what their results are called."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.project.identity import fingerprint
from napari_semiseg.project.reduction import ReducedPixels, reduced_pixel_size
from napari_semiseg.project.sources import NormalisedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@dataclass(frozen=True, eq=False)
class Subject:
    """One image, or one frame of a stack.

    ``open`` gives its (working) pixels, normalised; ``pixel_size`` is theirs. ``item``
    is None outside a project. ``full_shape`` and ``full_pixel_size`` are those of the
    file, which results have whatever the ``reduction``.
    """

    path: Path
    frame: int
    n_frames: int
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    open: Callable[[], ImageSource]
    full_shape: tuple[int, ...]
    full_pixel_size: tuple[float, ...] | None
    reduction: int = 1
    item: ImageItem | None = None

    @property
    def name(self) -> str:
        """For messages."""
        name = self.path.name
        return name if self.n_frames == 1 else f"{name} (frame {self.frame})"

    @property
    def stem(self) -> str:
        """Name without suffix; of a frame, with its number: ``cells-t003``."""
        stem = file_stem(self.path)
        return stem if self.n_frames == 1 else f"{stem}-t{self.frame:03d}"


def file_stem(path: Path) -> str:
    """A file's name without suffix, also without that of ``.ome.tif``."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def of_project(project: Project, items: Iterable[ImageItem]) -> list[Subject]:
    """Images of a project, normalised by their stored percentiles."""

    def opener(item: ImageItem) -> Callable[[], ImageSource]:
        return lambda: project.source(item)

    return [
        Subject(
            path=Path(project.folder / item.path),
            frame=item.frame,
            n_frames=item.n_frames,
            pixel_size=item.pixel_size,
            pixel_unit=item.pixel_unit,
            open=opener(item),
            full_shape=item.full_shape,
            full_pixel_size=item.full_pixel_size,
            reduction=item.reduction,
            item=item,
        )
        for item in items
    ]


def of_file(
    path: Path,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    reduction: int = 1,
) -> list[Subject]:
    """The frames of a file, normalised by their own percentiles, as projects do.

    Parameters
    ----------
    axes, channels
        How to read the file where a guess could be wrong.
    reduction
        Scale to predict at, that of the project whose model predicts.

    Raises
    ------
    SemisegError
        When the file cannot be read, or its axes could mean several things.
    """
    description = describe(path, axes=axes, channels=channels)

    def opener(frame: int) -> Callable[[], ImageSource]:
        def open_it() -> ImageSource:
            pixels = open_frame(description, frame)
            marks = fingerprint(pixels)
            working = pixels if reduction == 1 else ReducedPixels(pixels, reduction)
            return NormalisedSource(working, marks.low, marks.high)

        return open_it

    full = description.pixel_size
    return [
        Subject(
            path=path,
            frame=frame,
            n_frames=description.n_frames,
            pixel_size=full and reduced_pixel_size(full, reduction),
            pixel_unit=description.pixel_unit,
            open=opener(frame),
            full_shape=description.shape,
            full_pixel_size=full,
            reduction=reduction,
        )
        for frame in range(description.n_frames)
    ]


def output_stems(subjects: Sequence[Subject]) -> list[str]:
    """A name for the results of each image; equal stems get their folders in front."""
    names = [subject.stem for subject in subjects]
    folders = [subject.path.absolute().parent for subject in subjects]
    while twice := _twice(names):
        parents = [folder.name for folder in folders]
        if not any(parents[n] for n in twice):
            break
        for n in twice:
            names[n] = f"{parents[n]}_{names[n]}" if parents[n] else names[n]
            folders[n] = folders[n].parent
        if len({(folders[n], subjects[n].stem) for n in twice}) == 1:
            break
    return _numbered(names)


def _twice(names: Sequence[str]) -> list[int]:
    """Places of names that are not alone, also where capitals do not count."""
    counts = Counter(name.lower() for name in names)
    return [n for n, name in enumerate(names) if counts[name.lower()] > 1]


def _numbered(names: Sequence[str]) -> list[str]:
    """The last resort, for ``a.tif`` and ``a.png`` in one folder."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name.lower()] += 1
        count = seen[name.lower()]
        numbered.append(name if count == 1 else f"{name}-{count}")
    return numbered
