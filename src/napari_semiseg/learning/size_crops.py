"""Crops of the labelled tiles, and the true sizes of the regions in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from napari_semiseg.learning import symmetries, transformations, warps
from napari_semiseg.learning.targets import class_targets
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.settings import GeometrySettings
    from napari_semiseg.learning.training_set import LabelledTile, Task
    from napari_semiseg.segmentation.classes import BoundaryMode

    Beyond = Literal["mirrored", "zero"]

LEAST_KNOWN = 0.95
"""Share of a crop that must be annotated: of less, nobody knows the sizes."""


@dataclass(frozen=True)
class Crops:
    """Crops of labelled tiles.

    Attributes
    ----------
    image
        float32 ``(B, C, S, S)``; intensities as they are.
    maps
        float32 ``(B, R + 1, S, S)``: the regions, and last what is unknown.
    size
        float32 ``(B, R)``: the share that each region covers.
    known
        bool ``(B,)``: whether enough of the crop is annotated.
    """

    image: Tensor
    maps: Tensor
    size: Tensor
    known: Tensor


class SizeCrops:
    """Draws crops of labelled tiles, turned and zoomed; sizes are measured afterwards.

    Beyond a tile image *and* labels are mirrored alike (or are both nothing, as in the
    paper), so that the size is that of what the crop shows.

    Parameters
    ----------
    tiles, maps
        The tiles, and of each what `region_maps` says.
    size
        Side of a crop, pixels.
    """

    def __init__(
        self,
        tiles: Sequence[LabelledTile],
        maps: Sequence[NDArray[np.float32]],
        size: int,
        device: torch.device,
        beyond: Beyond = "mirrored",
    ) -> None:
        self.size = size
        self.beyond = beyond
        self.canvas = size + 2 * (size // 4)
        self.n_channels = tiles[0].image.shape[0]
        planes = (
            np.concatenate([tile.image, known])
            for tile, known in zip(tiles, maps, strict=True)
        )
        self._planes = [torch.from_numpy(self._pad(one)).to(device) for one in planes]
        areas = [max(1.0, tile.instances.size / size**2) for tile in tiles]
        self.weights = torch.tensor(areas, dtype=torch.float64)

    def draw(
        self,
        n: int,
        geometry: GeometrySettings,
        random: Randomness,
        tiles: Sequence[int] | None = None,
    ) -> Crops:
        """``n`` crops, of the tiles of these numbers alone where they are given."""
        chosen = torch.multinomial(
            self._weights_of(tiles), n, replacement=True, generator=random.host
        )
        drawn = []
        for number in chosen.tolist():
            planes = self._planes[number]
            y, x = (random.integer(s - self.canvas + 1) for s in planes.shape[1:])
            drawn.append(planes[:, y : y + self.canvas, x : x + self.canvas])
        where = warps.draw_positions(n, self.size, self.canvas, geometry, random)
        turns = random.integers(symmetries.N_SYMMETRIES, n)
        return self._cut(torch.stack(drawn), where, turns)

    def _cut(self, squares: Tensor, where: Tensor, turns: list[int]) -> Crops:
        border = "reflection" if self.beyond == "mirrored" else "zeros"
        image, maps = squares.split(
            [self.n_channels, squares.shape[1] - self.n_channels], 1
        )
        image = transformations.warp(image, where, border=border)
        maps = transformations.warp(maps, where, "nearest", border)
        known = 1 - maps[:, -1:]
        n_known = known.sum((2, 3))
        covered = (maps[:, :-1] * known).sum((2, 3)) / n_known.clamp_min(1)
        enough = n_known[:, 0] >= LEAST_KNOWN * known[0].numel()
        return Crops(
            symmetries.apply_each(image, turns),
            symmetries.apply_each(maps, turns),
            covered,
            enough,
        )

    def _weights_of(self, tiles: Sequence[int] | None) -> Tensor:
        if tiles is None:
            return self.weights
        kept = torch.zeros_like(self.weights)
        kept[list(tiles)] = self.weights[list(tiles)]
        return kept

    def _pad(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        margin = (self.canvas - self.size) // 2
        widths = [(0, 0)]
        for length in planes.shape[1:]:
            missing = max(0, self.canvas - (length + 2 * margin))
            widths.append((margin + missing // 2, margin + missing - missing // 2))
        planes = planes.astype(np.float32)
        if self.beyond == "mirrored":
            return np.pad(planes, widths, mode="reflect")
        return np.pad(planes, widths)


def region_maps(
    tile: LabelledTile, n_regions: int, task: Task, boundary: BoundaryMode
) -> NDArray[np.float32]:
    """Which pixels belong to each region, and last which are unknown: ``(R + 1, *S)``.

    Of instances there is one region, the objects with their boundary; there the edge
    that a tile's border cuts is known, as it belongs to an object in any case.
    """
    semantic = task == "semantic"
    kinds = tile.known_classes() if semantic else _foreground(tile, boundary)
    maps = [kinds == number for number in range(1, n_regions + 1)]
    return np.stack([*maps, kinds == IGNORE]).astype(np.float32)


def _foreground(tile: LabelledTile, boundary: BoundaryMode) -> NDArray[np.uint8]:
    """0 background, 1 object, `IGNORE` unknown."""
    overrides = tile.class_overrides
    target = class_targets(
        torch.from_numpy(tile.instances).long()[None],
        torch.from_numpy(tile.annotated)[None],
        torch.ones((1, *tile.instances.shape), dtype=torch.bool),
        boundary,
        None if overrides is None else torch.from_numpy(overrides).long()[None],
    )[0].numpy()
    object_there = (target != IGNORE) & (target > 0) | (
        (target == IGNORE) & (tile.instances > 0)
    )
    unknown = (target == IGNORE) & ~object_there
    return np.where(unknown, IGNORE, object_there).astype(np.uint8)


def known_share(maps: NDArray[np.float32], size: int) -> float:
    """Share that is annotated of the best known crop of a tile.

    Of the whole tile where it is smaller than a crop.
    """
    known = 1 - maps[-1].astype(np.float64)
    height, width = (min(size, length) for length in known.shape)
    total = np.pad(known, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    return float(inside.max() / (height * width))


def sizes_of(maps: NDArray[np.float32]) -> tuple[float, ...] | None:
    """The share of a whole tile that each region covers; None: not all is known."""
    known = 1 - maps[-1]
    if known.mean() < LEAST_KNOWN:
        return None
    return tuple(float((one * known).sum() / known.sum()) for one in maps[:-1])
