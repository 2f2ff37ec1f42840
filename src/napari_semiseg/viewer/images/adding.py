"""Images into the project: files, folders, and layers that are open in the viewer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import AmbiguousAxesError
from napari_semiseg.exchange.images import describe, is_image
from napari_semiseg.files import make_folder, replace_file
from napari_semiseg.viewer.own_layers import use_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.project.catalogue import AddedImages
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk

_SOME = 3  # Files named in a sentence.
AXES_WORDS = {"C": "channels", "T": "images", "Z": "depth"}


@dataclass(frozen=True)
class AxesQuestion:
    """A file whose first axis could mean several things."""

    path: Path
    shape: tuple[int, ...]
    choices: tuple[str, ...]

    @property
    def words(self) -> str:
        """The question."""
        size = " x ".join(map(str, (n for n in self.shape if n > 1)))
        return f"{self.path.name} is {size}. What is its first axis?"


class Adding(QObject):
    """Adds images in the background, one batch after the other."""

    changed = Signal()
    """Work began or ended, or there is something to ask."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.questions: list[AxesQuestion] = []
        self.busy: str | None = None
        desk.session.project_changed.connect(self._forget)

    def add_files(self, paths: Sequence[Path], axes: str | None = None) -> None:
        """Add image files, and all images directly in folders."""
        self._add(list(paths), axes, {})

    def answer(self, question: AxesQuestion, axes: str | None) -> None:
        """Add a file whose axes the user has named; None: leave it out."""
        self.questions = [one for one in self.questions if one != question]
        if axes is not None:
            self.add_files([question.path], axes)
        self.changed.emit()

    def open_layers(self) -> list[Image]:
        """Image layers of the user's that are not part of the project yet."""
        layers = self._desk.viewer.layers
        return [one for one in layers if isinstance(one, Image) and use_of(one) is None]

    def add_layers(self, layers: Sequence[Image]) -> None:
        """Add open layers: the file of each, or else a copy of its pixels.

        Pixels without a file are copied into the project's folder ``images``.
        """
        project = self._desk.session.opened
        try:
            sources = [_source_of(layer) for layer in layers]
        except SemisegError as error:
            self._desk.session.say(str(error), problem=True)
            return
        plain = [one for one in sources if one.axes is None]
        for source in plain:
            self._add_sources(project, [source], None)
        for axes in sorted({one.axes for one in sources if one.axes is not None}):
            self._add_sources(project, [s for s in sources if s.axes == axes], axes)

    def _add_sources(
        self, project: Project, sources: Sequence[_Source], axes: str | None
    ) -> None:
        folder = project.folder / "images"

        def place() -> dict[Path, Image]:
            return {source.file(folder): source.layer for source in sources}

        self._begin("Copying pixels")
        self._desk.background.submit(
            place,
            lambda found: self._add(list(found), axes, found),
            self._failed,
        )

    def _add(
        self, paths: list[Path], axes: str | None, layers: dict[Path, Image]
    ) -> None:
        project = self._desk.session.opened
        self._begin(f"Reading {len(paths)} file(s)")
        self._desk.background.submit(
            partial(project.add_images, paths, axes),
            partial(self._added, project, layers),
            self._failed,
        )

    def _begin(self, words: str) -> None:
        self.busy = words
        self.changed.emit()

    def _failed(self, sentence: str) -> None:
        self.busy = None
        self._desk.session.say(sentence, problem=True)
        self.changed.emit()

    def _added(
        self, project: Project, layers: dict[Path, Image], result: AddedImages
    ) -> None:
        self.busy = None
        session = self._desk.session
        if session.project is not project:
            return
        refused = []
        for one in result.skipped:
            if isinstance(one.error, AmbiguousAxesError):
                error = one.error
                question = AxesQuestion(one.path, error.shape, error.choices)
                if question not in self.questions:
                    self.questions.append(question)
            else:
                refused.append(one.reason)
        if refused:
            more = f" ({len(refused) - _SOME} more)" if len(refused) > _SOME else ""
            session.say(f"{' '.join(refused[:_SOME])}{more}", problem=True)
        self._adopt(project, layers, result.added)
        session.images_changed.emit()
        if result.added and session.item is None:
            self._desk.images.show(result.added[0])
        self.changed.emit()

    def _adopt(
        self, project: Project, layers: dict[Path, Image], added: Sequence[ImageItem]
    ) -> None:
        """Show images that were open already in the layers they have."""
        for path, layer in layers.items():
            if layer.ndim != 2 or layer not in self._desk.viewer.layers:
                continue
            for item in added:
                same = (project.folder / item.path).resolve() == path.resolve()
                if same and item.n_frames == 1:
                    self._desk.images.adopt(layer, item)

    def _forget(self) -> None:
        self.questions = []
        self.busy = None
        self.changed.emit()


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the pixels of an open layer are, or are to be."""

    layer: Image
    path: Path | None
    pixels: Any
    axes: str | None

    def file(self, folder: Path) -> Path:
        """The file of the layer; without one, the pixels are written to one."""
        if self.path is not None:
            return self.path
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self.layer.name).strip("-.") or "image"
        target = make_folder(folder) / f"{stem}.tif"
        number = 1
        while target.exists():
            number += 1
            target = folder / f"{stem}-{number}.tif"
        pixels = np.asarray(self.pixels)
        _write(target, pixels, self.axes or "YX"[-pixels.ndim :])
        return target


def _source_of(layer: Image) -> _Source:
    """Find the file that a layer shows as a whole, or take its pixels."""
    pixels = layer.data[0] if layer.multiscale else layer.data
    path = _file_of(layer, tuple(pixels.shape))
    if path is not None:
        return _Source(layer, path, None, None)
    if layer.rgb:
        return _Source(layer, None, pixels, "YXS" if layer.ndim == 2 else "TYXS")
    if layer.ndim == 2:
        return _Source(layer, None, pixels, "YX")
    if layer.ndim == 3:
        # Planes of one layer are frames to the user's eye: channels are layers.
        return _Source(layer, None, pixels, "TYX")
    raise SemisegError(
        f"The layer {layer.name} has {layer.ndim} axes. Save it as TIFF or OME-Zarr "
        "that says what each axis means, then add the file."
    )


def _file_of(layer: Image, shape: tuple[int, ...]) -> Path | None:
    """The file behind a layer, if the layer shows all of it."""
    if not layer.source.path:
        return None
    path = Path(layer.source.path)
    if not path.exists() or not is_image(path):
        return None
    try:
        found = describe(path)
    except SemisegError:
        return None
    whole = found.shape if found.n_frames == 1 else (found.n_frames, *found.shape)
    if found.rgb:
        return path if layer.rgb and shape[:-1] == whole else None
    return path if found.n_channels == 1 and shape == whole else None


def _write(path: Path, pixels: NDArray[Any], axes: str) -> None:
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    colour = "rgb" if axes.endswith("S") else "minisblack"

    import tifffile  # Slow to import.

    def write(temporary: Path) -> None:
        tifffile.imwrite(
            temporary, pixels, photometric=colour, ome=True, metadata={"axes": axes}
        )

    replace_file(path, write)
