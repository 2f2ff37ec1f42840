"""Label images made elsewhere: Fiji, Cellpose, napari, Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import sizes
from napari_semiseg.exchange.images import stored_image
from napari_semiseg.exchange.stored import reading

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_LARGEST_ID = int(np.iinfo(np.int32).max)
IGNORED = -1


def read_labels(
    path: Path | str, shape: tuple[int, ...], frame: int | None = None
) -> NDArray[np.int32]:
    """Read the label image of one image or frame.

    Parameters
    ----------
    path
        TIFF, PNG or zarr; whole numbers, whatever their type.
    shape
        Spatial shape of the image the labels belong to.
    frame
        Which frame, when the file holds the labels of a stack.

    Returns
    -------
    int32 ``shape``
        0 no object, -1 ignore (any negative number), ids >= 1 as they are in the file;
        gaps between them stay.

    Raises
    ------
    SemisegError
        When the file is damaged, has another size than the image, or holds fractions.
    """
    path = Path(path)
    stored = stored_image(path, palette_numbers=True)
    index = _index(path, stored.shape, tuple(shape), frame)
    opened = stored.open()
    try:
        with reading(path):
            array = np.asarray(opened.pixels[index])
    finally:
        opened.close()
    return as_labels(array.reshape(shape), shape, path.name)


def as_labels(
    array: ArrayLike, shape: tuple[int, ...], name: str = "The label image"
) -> NDArray[np.int32]:
    """Check an array of labels and bring it into the project's convention.

    Parameters
    ----------
    array
        Whole numbers of any type.
    shape
        Spatial shape the array must have.
    name
        What to call it in a sentence.

    Returns
    -------
    int32 ``shape``
        0 no object, -1 ignore, ids >= 1.

    Raises
    ------
    SemisegError
        When the shape differs, or the numbers are not whole or too large.
    """
    values = np.asarray(array)
    if values.shape != tuple(shape):
        raise _other_size(name, values.shape, shape)
    if values.dtype.kind not in "buif":
        raise SemisegError(f"{name} holds {values.dtype} and not object numbers.")
    if values.dtype.kind == "f":
        _check_whole(values, name)
    if values.size and values.max() > _LARGEST_ID:
        raise SemisegError(
            f"{name} holds object numbers above {_LARGEST_ID}: renumber its objects "
            "from 1."
        )
    if values.dtype.kind in "if":
        values = np.maximum(values, IGNORED)
    return values.astype(np.int32)


def _check_whole(values: NDArray[Any], name: str) -> None:
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise SemisegError(
            f"{name} holds fractions and not whole object numbers: it may be a "
            "probability map or a rescaled image. Choose the label image itself."
        )


def _index(
    path: Path, stored: tuple[int, ...], shape: tuple[int, ...], frame: int | None
) -> tuple[int | slice, ...]:
    """What to cut out of the stored array: axes of size 1 do not count."""
    long = [i for i, size in enumerate(stored) if size > 1]
    wanted = tuple(size for size in shape if size > 1)
    index: list[int | slice] = [slice(None)] * len(stored)
    if tuple(stored[i] for i in long) == wanted:
        return tuple(index)
    is_stack = tuple(stored[i] for i in long[1:]) == wanted
    if not is_stack:
        raise _other_size(path.name, stored, shape)
    n_frames = stored[long[0]]
    if frame is None or not 0 <= frame < n_frames:
        raise SemisegError(
            f"{path.name} holds the labels of {n_frames} frames: say which one belongs "
            f"to the image, from 0 to {n_frames - 1}."
        )
    index[long[0]] = frame
    return tuple(index)


def _other_size(
    name: str, found: tuple[int, ...], shape: tuple[int, ...]
) -> SemisegError:
    colour = len(found) == len(shape) + 1 and found[-1] in (3, 4)
    remedy = (
        "It is a colour picture: save the object numbers instead."
        if colour
        else "Choose the labels that were made on this image."
    )
    return SemisegError(
        f"{name} is {sizes(found)} and its image is {sizes(shape)}. {remedy}"
    )
