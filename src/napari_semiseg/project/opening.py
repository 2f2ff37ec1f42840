"""Opening an image for its labels: only ever the pixels that they were drawn on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.project.identity import content_hash
from napari_semiseg.project.places import possible_places, stamp_of
from napari_semiseg.project.reduction import ReducedPixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.exchange.images import LazyFrame
    from napari_semiseg.geometry import Box
    from napari_semiseg.project.identity import RawPixels
    from napari_semiseg.project.records import FileStamp, ImageItem

# Systems allow a process about a thousand open files; a project may have more images.
_MOST_OPEN = 64


class ImageOpener:
    """Opens the images of a project, and remembers whose pixels were checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked: dict[str, tuple[Path, FileStamp | None]] = {}
        self._kept: OrderedDict[str, LazyFrame] = OrderedDict()
        self._keeping = threading.Lock()

    def open(self, item: ImageItem) -> LazyFrame:
        """Raw pixels of an image, after making sure that they are its pixels.

        Raises
        ------
        SemisegError
            When the file is missing, unreadable, or holds other pixels.
        """
        error: SemisegError | None = None
        for path in possible_places(item, self._folder):
            try:
                return self._open_checked(item, path, trusted=item.stamp)
            except SemisegError as found:
                error = error or found
        raise error or SemisegError(
            f"{item.name} is missing: it is no longer at {item.path}. "
            "Put it back, or name the folder it is in now."
        )

    def pixels(self, item: ImageItem) -> RawPixels:
        """Working pixels of an image whose file need not stay open between two reads.

        Raises
        ------
        SemisegError
            As `open` does, now; and later if the file goes away.
        """
        self.kept(item)
        pixels = ItemPixels(self, item)
        return pixels if item.reduction == 1 else ReducedPixels(pixels, item.reduction)

    def kept(self, item: ImageItem) -> LazyFrame:
        """The image, open since a recent use or opened again."""
        with self._keeping:
            frame = self._kept.pop(item.id, None) or self.open(item)
            self._kept[item.id] = frame
            if len(self._kept) > _MOST_OPEN:
                self._kept.popitem(last=False)  # Closed when its last reader is done.
            return frame

    def forget(self) -> None:
        """Close what is kept open, because images may have moved."""
        with self._keeping:
            self._kept.clear()

    def present(self, item: ImageItem) -> bool:
        """Whether the image can be opened, and is the right one."""
        try:
            self.open(item)
        except SemisegError:
            return False
        return True

    def search(self, item: ImageItem, files: Sequence[Path]) -> Path | None:
        """The file with the pixels of ``item``; those of its name are tried first."""
        name = item.path.rsplit("/", 1)[-1]
        for path in sorted(files, key=lambda file: file.name != name):
            try:
                self._open_checked(item, path, trusted=None)
            except SemisegError:
                continue
            return path
        return None

    def _open_checked(
        self, item: ImageItem, path: Path, trusted: FileStamp | None
    ) -> LazyFrame:
        """Open ``path`` as this image; hash it unless its stamp is the trusted one."""
        frame = _open_alike(item, path)
        stamp = stamp_of(path)
        known = stamp is not None and stamp == trusted
        if not known and self._checked.get(item.id) != (path, stamp):
            if content_hash(frame) != item.content_hash:
                raise _other_pixels(item, path)
            self._checked[item.id] = (path, stamp)
        return frame


@dataclass(frozen=True, eq=False)
class ItemPixels:
    """Pixels of the file of one image of a project, opened when they are read."""

    opener: ImageOpener
    item: ImageItem

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return self.item.full_shape

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.item.n_channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return np.dtype(self.item.dtype)

    def read(self, box: Box) -> NDArray[Any]:
        """Pixels of ``box``, ``(C, *box.size)``, in the file's type."""
        return self.opener.kept(self.item).read(box)


def _open_alike(item: ImageItem, path: Path) -> LazyFrame:
    """Read ``path`` the way the image was read when it was added."""
    description = describe(path, axes=item.axes, channels=item.channels)
    if item.frame >= description.n_frames:
        raise _other_pixels(item, path)
    frame = open_frame(description, item.frame)
    found = (tuple(frame.shape), np.dtype(frame.dtype).name, frame.n_channels)
    if found != (item.full_shape, item.dtype, item.n_channels):
        raise _other_pixels(item, path)
    return frame


def _other_pixels(item: ImageItem, path: Path) -> SemisegError:
    return SemisegError(
        f"{path} is no longer the image that this project knows as {item.name}: its "
        "pixels differ. Put the original back, or add the file as a new image; the "
        "labels stay with the original."
    )
