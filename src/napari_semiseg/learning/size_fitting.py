"""Fitting the counting regressor by least squares, and its error on tiles left out.

A fit needs only sums over the windows of its tiles. So one pass over the crops of all
tiles gives the fit of all of them, and those that leave a part of the tiles out in
turn; a second pass asks each of these for the sizes in crops of the tiles it has not
seen.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_semiseg.learning.size_regressor import WINDOW, count

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Self

    from torch import Tensor

    from napari_semiseg.learning.curriculum_settings import RegressorSettings
    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.size_crops import Crops, SizeCrops
    from napari_semiseg.learning.size_regressor import CountingRegressor, Regressor
    from napari_semiseg.learning.training_set import LabelledTile

_AT_ONCE = 8  # Crops.
_MOST_WINDOWS = 1024  # Of a crop: neighbours tell the same.
_WHOLLY = 0.99
_FEWEST_CROPS = 4  # Of a tile, when its size is asked for.

Pairs = list[tuple["Tensor", "Tensor"]]
"""Predicted and true sizes of crops, ``(B, R)`` each."""


@dataclass(frozen=True)
class Moments:
    """Sums over windows, float64: of features x, of sizes y, and of their products."""

    n: int
    x: Tensor
    y: Tensor
    xx: Tensor
    xy: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> Self:
        """Of windows ``(N, D)`` and sizes ``(N, R)``."""
        x, y = x.double(), y.double()
        return cls(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
        )

    def solve(self, ridge: float) -> tuple[Tensor, Tensor]:
        """Least squares: weights float32 ``(D, R)`` and ``(R,)``.

        Held back by ``ridge`` times the squared weights of features with deviation 1.
        """
        n = max(self.n, 1)
        mean, level = self.x / n, self.y / n
        spread = self.xx / n - mean[:, None] * mean
        together = self.xy / n - mean[:, None] * level
        deviation = spread.diagonal().clamp_min(1e-12).sqrt()
        scaled = spread / (deviation[:, None] * deviation)
        scaled.diagonal().add_(ridge)
        weight = torch.linalg.solve(scaled, together / deviation[:, None])
        weight = weight / deviation[:, None]
        return weight.float(), (level - mean @ weight).float()


def fit_counting(
    regressor: CountingRegressor,
    crops: SizeCrops,
    folds: Sequence[Sequence[int]],
    settings: RegressorSettings,
    random: Randomness,
) -> Generator[str, None, Pairs]:
    """Fit a regressor to all tiles.

    Parameters
    ----------
    folds
        Numbers of the tiles, in the parts that are left out in turn.

    Returns
    -------
    list
        What fits without a tile predict of it, and the truth; nothing where there is
        one part only.
    """
    n_tiles = sum(map(len, folds))
    each = max(1, math.ceil(settings.crops / n_tiles))
    sums = []
    for number, fold in enumerate(folds, start=1):
        total = None
        for n in _portions(each * len(fold)):
            yield f"Learning the sizes of regions: {number} of {len(folds)} parts."
            drawn = crops.draw(n, settings.geometry, random, fold)
            part = Moments.of(*_windows(regressor, drawn))
            total = part if total is None else total + part
        assert total is not None  # A fold has a tile, hence a crop.
        sums.append(total)
    _take(regressor, sum(sums[1:], sums[0]).solve(settings.ridge))
    if len(folds) < 2:
        return []
    pairs: Pairs = []
    for left_out, fold in enumerate(folds):
        others = [one for number, one in enumerate(sums) if number != left_out]
        weight, bias = sum(others[1:], others[0]).solve(settings.ridge)
        device = regressor.weight.device
        for n in _portions(_asked(settings, n_tiles) * len(fold)):
            yield "Measuring how well sizes are known of tiles not learned from."
            drawn = crops.draw(n, settings.geometry, random, fold)
            windows = regressor.windows(drawn.image)
            shares = count(windows, weight.to(device), bias.to(device))
            pairs.append((shares[drawn.known], drawn.size[drawn.known]))
    return pairs


@torch.no_grad()
def predictions(
    regressor: Regressor,
    crops: SizeCrops,
    n_tiles: int,
    settings: RegressorSettings,
    random: Randomness,
) -> Generator[str, None, Pairs]:
    """What a regressor says of crops of tiles it was not fitted to, and the truth."""
    pairs: Pairs = []
    regressor.eval()
    for n in _portions(_asked(settings, n_tiles) * n_tiles):
        yield "Measuring how well sizes are known of tiles not learned from."
        drawn = crops.draw(n, settings.geometry, random)
        shares = regressor(drawn.image).clamp(0, 1)
        pairs.append((shares[drawn.known], drawn.size[drawn.known]))
    return pairs


def parts_of(tiles: Sequence[LabelledTile], most: int) -> list[list[int]]:
    """Numbers of tiles in up to ``most`` parts, those of one image together.

    With a single image its tiles are told apart, which is better than nothing.
    """
    names = [tile.image_id or str(number) for number, tile in enumerate(tiles)]
    if len(set(names)) == 1:
        names = [str(number) for number in range(len(tiles))]
    groups = list(dict.fromkeys(names))
    n = min(most, len(groups))
    return [
        [i for i, name in enumerate(names) if groups.index(name) % n == part]
        for part in range(n)
    ]


def _windows(regressor: CountingRegressor, drawn: Crops) -> tuple[Tensor, Tensor]:
    """Features ``(N, D)`` and sizes ``(N, R)`` of windows that are wholly known."""
    x = regressor.windows(drawn.image)
    y = functional.avg_pool2d(drawn.maps, WINDOW).flatten(2).movedim(1, 2)
    step = max(1, x.shape[1] / _MOST_WINDOWS)
    some = [int(i * step) for i in range(min(x.shape[1], _MOST_WINDOWS))]
    x, y = x[:, some].flatten(0, 1), y[:, some].flatten(0, 1)
    known = 1 - y[:, -1] >= _WHOLLY
    return x[known].cpu(), y[known, :-1].cpu()


def _take(regressor: CountingRegressor, found: tuple[Tensor, Tensor]) -> None:
    regressor.weight.copy_(found[0])
    regressor.bias.copy_(found[1])


def _asked(settings: RegressorSettings, n_tiles: int) -> int:
    """Crops of a tile whose sizes are asked for."""
    return max(_FEWEST_CROPS, settings.crops // (2 * max(n_tiles, 1)))


def _portions(n: int) -> list[int]:
    """``n`` in portions that are computed at once."""
    ends = [*range(0, n, _AT_ONCE), n]
    return [b - a for a, b in itertools.pairwise(ends)]
