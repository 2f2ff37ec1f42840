"""An image as it lies in a file, before its axes are agreed upon."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np


class PixelArray(Protocol):
    """What can be cut into pieces without being read whole: memory maps, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        ...

    def __getitem__(self, index: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class OpenedArray:
    """A stored array that is open for reading.

    Attributes
    ----------
    pixels
        Read where they are indexed.
    close
        Ends the reading.
    release
        Gives memory back that was taken to read; called after each reading.
    """

    pixels: PixelArray
    close: Callable[[], None] = lambda: None
    release: Callable[[], None] = lambda: None


@dataclass(frozen=True, eq=False)
class StoredImage:
    """What a file says about its array.

    Attributes
    ----------
    shape, dtype
        Of the stored array.
    axes
        One letter an axis: ``TCZYXS``, or another where the file does not say. S holds
        red, green, blue and perhaps transparency.
    open
        Opens the array lazily.
    pixel_size
        Micrometres per pixel along ``Z``, ``Y`` and ``X``, where known.
    remarks
        What the user should know, e.g. that only the first of several images is read.
    levels
        Open smaller versions of the array that the file holds for display, the largest
        first; their axes are those of the array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    open: Callable[[], OpenedArray]
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    levels: tuple[Callable[[], OpenedArray], ...] = ()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises over a damaged file into a sentence."""
    try:
        yield
    except (SemisegError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise SemisegError(f"{path} does not exist.") from error
    except PermissionError as error:
        raise SemisegError(f"{path} may not be read: check its permissions.") from error
    # Decoders raise anything over damaged bytes: struct.error, KeyError, zlib.error...
    except Exception as error:
        raise damaged(path) from error


def damaged(path: Path) -> SemisegError:
    """The sentence about a file that is not what its name says."""
    return SemisegError(
        f"{path.name} cannot be read: the file is damaged or incomplete. Copy it again "
        "from where it was recorded, or save it anew as TIFF."
    )
