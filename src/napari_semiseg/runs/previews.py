"""Previews: what the teacher sees in a region, written for a watcher."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, replace_file
from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.runs.control import Request

    SourceOf = Callable[[str], ImageSource]

_KEPT = 16  # Finished previews; older ones are removed.


class PreviewArrays(Protocol):
    """The teacher's view of a box, of spatial shape ``(*S)``."""

    @property
    def probability(self) -> NDArray[np.float32]:
        """float32 ``(K, *S)``."""
        ...

    @property
    def label(self) -> NDArray[np.uint8]:
        """uint8 ``(*S)``, most probable class."""
        ...

    @property
    def confidence(self) -> NDArray[np.float32]:
        """float32 ``(*S)``, largest probability."""
        ...

    @property
    def selected(self) -> NDArray[np.bool_]:
        """Bool ``(*S)``, pixels the loss trusts."""
        ...

    @property
    def kind(self) -> NDArray[np.uint8] | None:
        """uint8 ``(*S)``, class of an object there; None of one class alone."""
        ...

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """Of foreground and seeds, by which objects are best cut out; None: unknown."""
        ...


class Previewing(Protocol):
    """What can be asked for a preview."""

    def preview(self, source: ImageSource, box: Box, image_id: str) -> PreviewArrays:
        """The teacher's view, leaving no trace in the training."""
        ...


def answer_preview(
    request: Request,
    training: Previewing,
    source_of: SourceOf,
    folder: Path,
    kept: int = _KEPT,
) -> dict[str, Any]:
    """Compute a preview and write its arrays; return the fields of its event.

    Files are complete before the event names them: a reader may memory-map them. Of
    all previews the last ``kept`` stay.

    Raises
    ------
    SemisegError
        When the image is unknown or the box lies outside it.
    """
    source = source_of(request.image_id)
    box = Box(request.origin, request.size)
    if len(box.origin) != len(source.shape) or len(box.size) != len(source.shape):
        raise SemisegError(f"The preview's box has not {len(source.shape)} axes.")
    box = box.clip(source.shape)
    if box.empty:
        raise SemisegError("The preview's box lies outside the image.")
    arrays = training.preview(source, box, request.image_id)
    make_folder(folder)
    _forget_old(folder, kept)
    target = make_folder(folder / request.id)
    files = {
        layer: _write(target / f"{layer}.npy", array)
        for layer in request.layers
        if (array := getattr(arrays, layer)) is not None
    }
    return {
        "image_id": request.image_id,
        "origin": box.origin,
        "size": box.size,
        "files": {layer: f"{request.id}/{name}" for layer, name in files.items()},
        "thresholds": arrays.thresholds,
    }


def _write(path: Path, array: NDArray[Any]) -> str:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)

    replace_file(path, write)
    return path.name


def _forget_old(folder: Path, kept: int) -> None:
    old = sorted((p for p in folder.iterdir() if p.is_dir()), key=_age, reverse=True)
    for path in old[kept - 1 :]:
        # On Windows a watcher may still map the files; then they stay for later.
        shutil.rmtree(path, ignore_errors=True)


def _age(path: Path) -> float:
    return path.stat().st_mtime
