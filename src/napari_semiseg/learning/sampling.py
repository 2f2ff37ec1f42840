"""Batches of labelled and unlabelled tiles, drawn with replacement.

Tiles are drawn, never enumerated: one labelled tile is enough for a batch. (The public
code drops incomplete batches and so loops for ever with fewer tiles than its batch
size.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.training_set import (
        LabelledTile,
        Task,
        UnlabelledImage,
    )

_ATTEMPTS = 40
_LEAST_SHARE = 0.1  # Of a whole tile's chance to be drawn.


@dataclass(frozen=True)
class LabelledBatch:
    """Squares cut around labelled tiles, before augmentation.

    ``image`` float32 ``(B, C, W, W)``; ``fields`` float32 ``(B, 4, W, W)``: instance
    ids (of a semantic task: classes), annotated, valid (inside the tile), class
    override plus one (0: none), together so that one resampling serves all. Where
    objects have one of several classes, a fifth field holds it (0: no object).
    """

    image: Tensor
    fields: Tensor


@dataclass(frozen=True)
class UnlabelledBatch:
    """Tiles of unlabelled images, of squares ``(B, S, S)``.

    Attributes
    ----------
    image
        float32 ``(B, C, S, S)``.
    valid
        bool ``(B, S, S)``: False on the mirrored part of images smaller than a tile.
    trust
        uint8 ``(B, S, S)``, values of `Trust`: what a person says of the pixels'
        pseudo-labels.
    places
        Where each tile lies: the number of the sampler's image, and the box in it.
    """

    image: Tensor
    valid: Tensor
    trust: Tensor
    places: tuple[tuple[int, Box], ...]

    @property
    def numbers(self) -> Tensor:
        """int64 ``(B,)``: which of the sampler's images each tile is of."""
        return torch.tensor([n for n, _ in self.places], device=self.image.device)


class LabelledSampler:
    """Draws squares of the labelled tiles, all kept on the device.

    A square is half as wide again as the training tile, mirrored beyond the labelled
    tile, so that turning and shifting does not run out of image. Larger labelled tiles
    are drawn more often, in proportion to their area; boxes of which little is known,
    as around a corrected object, more rarely: many of them leave whole tiles their part
    of a batch.
    """

    def __init__(
        self,
        tiles: Sequence[LabelledTile],
        size: int,
        device: torch.device,
        task: Task = "instances",
        *,
        n_kinds: int = 0,
    ) -> None:
        self.size = size
        self.task = task
        self.n_kinds = n_kinds
        self.canvas = size + 2 * (size // 4)
        padded = [self._pad(tile) for tile in tiles]
        self._images = [torch.from_numpy(image).to(device) for image, _ in padded]
        self._fields = [torch.from_numpy(fields).to(device) for _, fields in padded]
        weights = [_weight(tile, size) for tile in tiles]
        self.weights = torch.tensor(weights, dtype=torch.float64)

    def draw(self, n: int, random: Randomness) -> LabelledBatch:
        """``n`` squares."""
        chosen = torch.multinomial(
            self.weights, n, replacement=True, generator=random.host
        )
        images, fields = [], []
        for index in chosen.tolist():
            image = self._images[index]
            y, x = (random.integer(s - self.canvas + 1) for s in image.shape[1:])
            window = (..., slice(y, y + self.canvas), slice(x, x + self.canvas))
            images.append(image[window])
            fields.append(self._fields[index][window])
        return LabelledBatch(torch.stack(images), torch.stack(fields))

    def centre(self, batch: LabelledBatch) -> LabelledBatch:
        """The training tiles in the middle of the squares, not interpolated."""
        margin = (self.canvas - self.size) // 2
        middle = slice(margin, margin + self.size)
        window = (..., middle, middle)
        return LabelledBatch(batch.image[window], batch.fields[window])

    def _pad(
        self, tile: LabelledTile
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        margin = (self.canvas - self.size) // 2
        widths = []
        for length in tile.instances.shape:
            missing = max(0, self.canvas - (length + 2 * margin))
            widths.append((margin + missing // 2, margin + missing - missing // 2))
        image = np.pad(tile.image, [(0, 0), *widths], mode="reflect")
        inside = np.ones(tile.instances.shape, bool)
        planes = [*_known(tile, self.task), inside, _overrides_plus_one(tile)]
        if self.n_kinds:
            planes.append(tile.object_classes())
        fields = np.stack(planes).astype(np.float32)
        return image.astype(np.float32), np.pad(fields, [(0, 0), *widths])


class UnlabelledSampler:
    """Draws tiles of the unlabelled images, never touching an excluded box."""

    def __init__(
        self, images: Sequence[UnlabelledImage], size: int, device: torch.device
    ) -> None:
        self.size = size
        self.device = device
        self.images = [image for image in images if self._has_room(image)]

    def draw(self, n: int, random: Randomness) -> UnlabelledBatch:
        """``n`` tiles."""
        return self.read(tuple(self._choose(random) for _ in range(n)))

    def read(self, places: tuple[tuple[int, Box], ...]) -> UnlabelledBatch:
        """The tiles at some places, none of them larger than a tile."""
        drawn = [self._read(self.images[number], box) for number, box in places]
        planes = (np.stack(plane) for plane in zip(*drawn, strict=True))
        image, valid, trust = (torch.from_numpy(p).to(self.device) for p in planes)
        return UnlabelledBatch(image, valid, trust, places)

    def pad(self, plane: NDArray[Any], mode: Literal["constant", "reflect"]) -> Any:
        """A plane ``(..., *S)`` of a drawn box in the middle of a whole tile."""
        missing = [self.size - s for s in plane.shape[-2:]]
        widths = [(m // 2, m - m // 2) for m in missing]
        return np.pad(plane, [(0, 0)] * (plane.ndim - 2) + widths, mode=mode)

    def _choose(self, random: Randomness) -> tuple[int, Box]:
        number = random.integer(len(self.images))
        image = self.images[number]
        shape = image.source.shape
        size = tuple(min(self.size, length) for length in shape)
        for _ in range(_ATTEMPTS):
            origin = tuple(
                random.integer(length - s + 1)
                for length, s in zip(shape, size, strict=True)
            )
            box = Box(origin, size)
            if not any(box.overlaps(other) for other in image.excluded):
                return number, box
        free = self._free_boxes(image)
        return number, free[random.integer(len(free))]

    def _read(
        self, image: UnlabelledImage, box: Box
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]:
        tile = self.pad(image.source.read(box), "reflect")
        inside = self.pad(np.ones(box.size, bool), "constant")
        trust = self.pad(image.read_trust(box), "constant")
        return np.ascontiguousarray(tile, dtype=np.float32), inside, trust

    def _has_room(self, image: UnlabelledImage) -> bool:
        return not image.excluded or bool(self._free_boxes(image))

    def _free_boxes(self, image: UnlabelledImage) -> list[Box]:
        """Boxes on a coarse grid that touch nothing excluded."""
        shape = image.source.shape
        size = tuple(min(self.size, length) for length in shape)
        steps = [
            sorted({*range(0, length - s + 1, max(1, self.size // 8)), length - s})
            for length, s in zip(shape, size, strict=True)
        ]
        boxes = [Box((y, x), size) for y in steps[-2] for x in steps[-1]]
        return [
            box
            for box in boxes
            if not any(box.overlaps(other) for other in image.excluded)
        ]


def _weight(tile: LabelledTile, size: int) -> float:
    """How often a tile is drawn: 1 for a whole one up to the training tile's size."""
    known: NDArray[np.bool_] = tile.annotated
    if tile.class_overrides is not None:
        known = known | (tile.class_overrides != IGNORE)
    # Of a whole tile the cut edges are unknown: half of the pixels count as all.
    share = min(1.0, max(_LEAST_SHARE, 2 * float(known.mean())))
    return share * max(1.0, tile.instances.size / size**2)


def _known(tile: LabelledTile, task: Task) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Ids or classes of the pixels, and where they are annotated."""
    if task == "instances":
        return tile.instances, tile.annotated
    kinds = tile.known_classes()
    return np.where(kinds == IGNORE, 0, kinds), kinds != IGNORE


def _overrides_plus_one(tile: LabelledTile) -> NDArray[np.int64]:
    """So that padding, which is 0, overrides nothing."""
    if tile.class_overrides is None:
        return np.zeros(tile.instances.shape, np.int64)
    kinds = tile.class_overrides.astype(np.int64)
    return np.where(kinds == IGNORE, 0, kinds + 1)
