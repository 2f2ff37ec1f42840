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
from napari_semiseg.learning.said import LabelRules, Said, field_planes
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.told import Told
    from napari_semiseg.learning.training_set import LabelledTile, UnlabelledImage

_ATTEMPTS = 40
_LEAST_SHARE = 0.1  # Of a whole tile's chance to be drawn.


@dataclass(frozen=True)
class LabelledBatch:
    """Squares cut around labelled tiles, before augmentation.

    ``image`` float32 ``(B, C, W, W)``; ``fields`` float32 ``(B, 5, W, W)``: instance
    ids (of a semantic task: classes; -1: to ignore), annotated, valid (inside the
    tile), class override plus one (0: none), how much the pixel counts; together so
    that one resampling serves all. Where objects have one of several classes, a sixth
    field holds it (0: no object).
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
        bool ``(B, S, S)``: False on the mirrored part of images smaller than a tile,
        and where a person wants nothing to be learned.
    said
        What a person says of the pixels.
    fields
        The same as it is drawn, before the targets are made of it: as in
        `LabelledBatch`, for tiles that are warped.
    places
        Where each tile lies: the number of the sampler's image, and the box in it.
    """

    image: Tensor
    valid: Tensor
    said: Said
    fields: Tensor
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
        rules: LabelRules = LabelRules(),  # noqa: B008 (frozen)
    ) -> None:
        self.size = size
        self.rules = rules
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
        fields = field_planes(tile, self.rules)
        return image.astype(np.float32), np.pad(fields, [(0, 0), *widths])


class UnlabelledSampler:
    """Draws tiles of the unlabelled images, never touching an excluded box."""

    def __init__(
        self,
        images: Sequence[UnlabelledImage],
        size: int,
        device: torch.device,
        rules: LabelRules = LabelRules(),  # noqa: B008 (frozen)
    ) -> None:
        self.size = size
        self.device = device
        self.rules = rules
        self.images = [image for image in images if self._has_room(image)]

    def draw(self, n: int, random: Randomness) -> UnlabelledBatch:
        """``n`` tiles."""
        return self.read(tuple(self._choose(random) for _ in range(n)))

    def read(self, places: tuple[tuple[int, Box], ...]) -> UnlabelledBatch:
        """The tiles at some places, none of them larger than a tile."""
        image, inside = self._stacked(
            (self._pixels(number, box), self.pad(np.ones(box.size, bool), "constant"))
            for number, box in places
        )
        told = [self.images[number].told(box) for number, box in places]
        fields, trust = self._stacked(map(self._said, told))
        if all(one.empty for one in told):
            said = Said.nothing(inside, bool(self.rules.n_kinds))
        else:
            said = Said.of_fields(fields, trust, self.rules)
        return UnlabelledBatch(image, inside & ~said.ignored, said, fields, places)

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

    def _pixels(self, number: int, box: Box) -> NDArray[np.float32]:
        tile = self.pad(self.images[number].source.read(box), "reflect")
        return np.ascontiguousarray(tile, dtype=np.float32)

    def _said(self, told: Told) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        fields = self.pad(field_planes(told, self.rules), "constant")
        return fields, self.pad(told.trust, "constant")

    def _stacked(self, drawn: Iterable[tuple[NDArray[Any], ...]]) -> list[Tensor]:
        """A batch of each kind of plane."""
        planes = (np.stack(plane) for plane in zip(*drawn, strict=True))
        return [torch.from_numpy(plane).to(self.device) for plane in planes]

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
