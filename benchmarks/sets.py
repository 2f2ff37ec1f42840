"""Folders of images with ground truth: labelled tiles, a pool and a test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)
from napari_semiseg.segmentation.classes import mark_cut_edges

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERCENTILES = (1.0, 99.8)


@dataclass(frozen=True)
class Pair:
    """An image, normalised float32 ``(1, Y, X)``, and its ids int32 ``(Y, X)``."""

    name: str
    image: NDArray[np.float32]
    instances: NDArray[np.int32]


@dataclass(frozen=True)
class Split:
    """What one seed draws."""

    training_set: TrainingSet
    test: list[Pair]


def read_pair(folder: Path, name: str) -> Pair:
    """One image of ``folder/images`` with its mask in ``folder/masks``."""
    raw = tifffile.imread(folder / "images" / name).astype(np.float32)
    low, high = np.percentile(raw, PERCENTILES)
    image = ((raw - low) / max(high - low, 1e-6)).astype(np.float32)
    mask = tifffile.imread(folder / "masks" / name).astype(np.int32)
    return Pair(name, image[None], mask)


def draw_split(
    folder: Path,
    seed: int,
    *,
    n_tiles: int,
    n_test: int,
    size: int = 128,
    development: bool = False,
) -> Split:
    """Labelled tiles with at least one object, one an image; the test images held out.

    The test images are the same for every seed, the tiles are not. Images that give a
    tile stay in the unlabelled pool, as they do in a project.

    With ``development`` the test images are left alone and as many others take their
    place: there settings are tried, so that the test is taken once.
    """
    names = sorted(path.name for path in (folder / "images").glob("*.tif"))
    shuffled = [names[i] for i in np.random.default_rng(2018).permutation(len(names))]
    test, pool = shuffled[:n_test], shuffled[n_test:]
    if development:
        test, pool = pool[:n_test], pool[n_test:]
    rng = np.random.default_rng(seed)
    pairs = {name: read_pair(folder, name) for name in pool}
    tiles: list[LabelledTile] = []
    for index in rng.permutation(len(pool)):
        if len(tiles) == n_tiles:
            break
        tile = _draw_tile(pairs[pool[index]], size, rng)
        if tile is not None:
            tiles.append(tile)
    unlabelled = tuple(
        UnlabelledImage(ArraySource(pair.image), pair.name) for pair in pairs.values()
    )
    return Split(
        TrainingSet(tuple(tiles), unlabelled), [read_pair(folder, n) for n in test]
    )


def _draw_tile(pair: Pair, size: int, rng: np.random.Generator) -> LabelledTile | None:
    shape = pair.instances.shape
    origin = tuple(int(rng.integers(max(1, length - size + 1))) for length in shape)
    box = Box(origin, (size, size)).clip(shape)
    instances = pair.instances[box.slices]
    if not instances.any():
        return None
    known = mark_cut_edges(instances, np.ones(box.size, bool), box, shape)
    return LabelledTile(
        pair.image[(slice(None), *box.slices)],
        instances,
        known,
        image_id=pair.name,
        origin=box.origin,
        source=ArraySource(pair.image),
    )
