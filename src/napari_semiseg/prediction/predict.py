"""Class probabilities of an image of any size, tile by tile."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.learning.devices import place_images
from napari_semiseg.prediction.tiles import Tile, count_tiles, tiles_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.geometry import ImageSource


class PredictionStoppedError(SemisegError):
    """The user stopped a prediction."""


def predict_probability(
    forward: Callable[[Tensor], Tensor],
    source: ImageSource,
    *,
    region: Box | None = None,
    tile: int = 512,
    margin: int = 64,
    batch: int = 1,
    device: torch.device | None = None,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Predict a region of an image on the tile grid of the whole image.

    A region predicted alone equals the same region of the whole image exactly: the
    tiles are the same, and are added up in the same order. (Bit for bit with the same
    ``batch``, device and number of threads.) No random numbers are drawn.

    Parameters
    ----------
    forward
        Takes float32 ``(B, C, *tile)`` on ``device``, returns probabilities
        ``(B, K, *tile)``.
    source
        The normalised image.
    region
        Part of the image to predict; None: all of it.
    tile, margin
        Of the grid in pixels, see `tiles_for`.
    batch
        Tiles at once. The last batch is filled up, because the bits of a result may
        depend on the number of tiles computed with it.
    device
        None: the CPU.
    progress
        Called with the number of tiles done, and of all.
    should_stop
        Asked before every batch.
    out
        Receives the result, float32 ``(K, *region.size)``; may be memory-mapped.

    Returns
    -------
    NDArray
        float32 ``(K, *region.size)``.

    Raises
    ------
    SemisegError
        When the region is empty or not inside the image.
    PredictionStoppedError
        When ``should_stop`` said so.
    """
    device = device or torch.device("cpu")
    region = region or Box.whole(source.shape)
    _check_region(region, source.shape)
    total = count_tiles(region, source.shape, tile, margin)
    done = 0
    for tiles in _batches(tiles_for(region, source.shape, tile, margin), batch):
        if should_stop is not None and should_stop():
            raise PredictionStoppedError("The prediction was stopped before its end.")
        predictions = _forward(
            forward, [read_tile(source, t.box) for t in tiles], batch, device
        )
        if out is None:
            out = np.empty((predictions.shape[1], *region.size), np.float32)
        if done == 0:
            out[...] = 0
        for one, prediction in zip(tiles, predictions, strict=True):
            _add(out, region, one, prediction)
        done += len(tiles)
        if progress is not None:
            progress(done, total)
    if out is None:
        raise AssertionError("a region inside the image has a tile")
    return out


def read_tile(source: ImageSource, box: Box) -> NDArray[np.float32]:
    """Pixels of a box that may end behind the image, which is mirrored there.

    Repeats the last pixel where the image is too small to be mirrored.

    Returns
    -------
    NDArray
        float32 ``(C, *box.size)``.
    """
    inside = box.clip(source.shape)
    pixels = np.asarray(source.read(inside), np.float32)
    for axis, (have, want) in enumerate(
        zip(inside.size, box.size, strict=True), start=1
    ):
        if missing := want - have:
            padding = [(0, 0)] * pixels.ndim
            padding[axis] = (0, missing)
            mode = "reflect" if missing < have else "edge"
            pixels = np.pad(pixels, padding, mode=mode)  # type: ignore[call-overload]
    return pixels


def _forward(
    forward: Callable[[Tensor], Tensor],
    images: list[NDArray[np.float32]],
    batch: int,
    device: torch.device,
) -> NDArray[np.float32]:
    filled = images + images[-1:] * (batch - len(images))
    tensor = place_images(torch.from_numpy(np.stack(filled)), device)
    with torch.inference_mode():
        probabilities = forward(tensor)[: len(images)]
    return probabilities.float().cpu().numpy()


def _add(
    out: NDArray[np.float32], region: Box, tile: Tile, prediction: NDArray[np.float32]
) -> None:
    """Add a tile's share of its prediction ``(K, *tile)`` to the result."""
    part = tile.box.intersection(region)
    to_region = tuple(
        slice(o - r, e - r)
        for o, e, r in zip(part.origin, part.end, region.origin, strict=True)
    )
    in_tile = tuple(
        slice(o - t, e - t)
        for o, e, t in zip(part.origin, part.end, tile.box.origin, strict=True)
    )
    out[(slice(None), *to_region)] += prediction[(slice(None), *in_tile)] * tile.share(
        part
    )


def _batches(tiles: Iterable[Tile], size: int) -> Iterator[list[Tile]]:
    iterator = iter(tiles)
    while chunk := list(itertools.islice(iterator, max(1, size))):
        yield chunk


def _check_region(region: Box, shape: tuple[int, ...]) -> None:
    if len(region.size) != len(shape) or region.empty:
        raise SemisegError("The region to predict is empty: choose a larger one.")
    if not Box.whole(shape).contains(region):
        raise SemisegError(
            f"The region from {region.origin} to {region.end} is not inside the image, "
            f"whose size is {' x '.join(map(str, shape))} pixels."
        )
