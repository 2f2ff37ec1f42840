"""Which tiles to label first: tiles with something in them, each unlike the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.segmentation.texture import Texture, standardise, texture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

Thing = TypeVar("Thing")

_MOST_IMAGES = 400  # Looked into; of more, some are drawn.
_MOST_CANDIDATES = 640  # In all images together.
_FEWEST_CANDIDATES = 2  # In each image.
# Up to here an image is read whole, for it may be decompressed anew for every tile.
_READ_WHOLE = 2048 * 2048
# Of the contrast of the most contrasted tiles; less is taken for bare ground. On nuclei
# in fluorescence 0.7 % of the tiles above it hold no object, of all tiles 5 %.
_BARE = 0.15
# A tile filled with edges to this share is full; an emptier one counts for less, for a
# label of many objects teaches more than that of one.
_FULL = 0.3
_LEAST_WEIGHT = 0.1


@dataclass(frozen=True)
class SuggestedTile:
    """A tile worth labelling.

    ``score`` is the share of the images' contents, 0 to 1, that looks more like this
    tile than like any other that was suggested or is there.
    """

    item: ImageItem
    box: Box
    score: float


@dataclass(frozen=True, eq=False)
class _Candidate:
    item: ImageItem
    box: Box
    texture: Texture


def suggest_tiles(
    project: Project,
    n: int = 6,
    size: int = 128,
    *,
    seed: int = 0,
    avoid: Mapping[str, Sequence[Box]] | None = None,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[SuggestedTile]:
    """Choose tiles that differ in image and content, and that are not bare ground.

    Greedy k-medoids on brightness and texture: each next tile is the one that brings
    all others closest to a chosen one (compare Hacohen et al. 2022, "Active Learning on
    a Budget", on why typical examples beat outliers while labels are few), where tiles
    with little in them count for less. Images without a tile come first. Only images of
    the pool, read piece by piece.

    Parameters
    ----------
    n
        How many; fewer come back when there is no more room.
    size
        Side of the square tiles, px; cut where an image is smaller. In volumes, along
        all three axes.
    seed
        Of the draw among very many places; equal seeds give equal tiles.
    avoid
        Boxes to keep away from, by image id; None: the tiles there are.
    progress
        Called with the images looked into and all of them.
    should_stop
        Asked between images; True ends the search with no tile.

    Raises
    ------
    SemisegError
        When the project has no image to suggest tiles of, or none can be read.
    """
    if size < 1 or n < 1:
        raise SemisegError("Ask for at least one tile of at least one pixel.")
    pool = [item for item in project.images if item.role != "test"]
    if not pool:
        raise SemisegError("This project has no image to label yet: add images first.")
    taken = _taken(project, pool) if avoid is None else avoid
    rng = np.random.default_rng(seed)
    looked = _most(pool, _MOST_IMAGES, rng)
    quota = max(_FEWEST_CANDIDATES, _MOST_CANDIDATES // len(looked))
    free: list[_Candidate] = []
    known: list[_Candidate] = []
    problem: SemisegError | None = None
    for number, item in enumerate(looked):
        if should_stop and should_stop():
            return []
        if progress:
            progress(number, len(looked))
        here = taken.get(item.id, ())
        boxes = _places(item.shape, size, here, quota, rng)
        try:
            found = _look(item, project.source(item), [*boxes, *here[:quota]])
            free += found[: len(boxes)]
            known += found[len(boxes) :]
        except SemisegError as error:  # The others are still worth labelling.
            problem = error
    if progress:
        progress(len(looked), len(looked))
    if not free and problem:
        raise problem
    return _choose_most(free, known, n, taken)


def _taken(project: Project, pool: Iterable[ImageItem]) -> dict[str, list[Box]]:
    store = AnnotationStore(project)
    return {item.id: [tile.box for tile in store.tiles(item)] for item in pool}


def _most(things: Sequence[Thing], most: int, rng: np.random.Generator) -> list[Thing]:
    """At most so many, drawn, in their order."""
    if len(things) <= most:
        return list(things)
    chosen = rng.choice(len(things), most, replace=False)
    return [things[i] for i in sorted(chosen)]


def _places(
    shape: tuple[int, ...],
    size: int,
    taken: Sequence[Box],
    most: int,
    rng: np.random.Generator,
) -> list[Box]:
    """Boxes on a grid of half tiles, at most so many, that touch no taken one."""
    side = tuple(min(size, length) for length in shape)
    lines = [_starts(*pair) for pair in zip(shape, side, strict=True)]
    counts = tuple(map(len, lines))
    # Drawn as numbers: the grid of a very large image has a hundred thousand places.
    total = math.prod(counts)
    drawn = sorted(rng.choice(total, min(total, 2 * most), replace=False).tolist())
    places = np.unravel_index(np.array(drawn), counts)
    origins = zip(
        *(line[where] for line, where in zip(lines, places, strict=True)), strict=True
    )
    boxes = (Box(tuple(map(int, origin)), side) for origin in origins)
    free = [box for box in boxes if not any(box.overlaps(other) for other in taken)]
    return _most(free, most, rng)


def _starts(length: int, side: int) -> NDArray[np.intp]:
    """First pixels of tiles along an axis: half a tile apart, from edge to edge."""
    n = 1 + math.ceil(2 * (length - side) / side)
    return np.linspace(0, length - side, n).round().astype(np.intp)


def _look(
    item: ImageItem, source: ImageSource, boxes: Sequence[Box]
) -> list[_Candidate]:
    """The texture of boxes of one image."""
    whole = None
    if boxes and math.prod(source.shape) <= _READ_WHOLE:
        whole = source.read(Box.whole(source.shape))
    found = []
    for box in boxes:
        part = source.read(box) if whole is None else whole[(slice(None), *box.slices)]
        if part.ndim > 3:  # Of a volume, the plane in the middle.
            part = part[:, part.shape[1] // 2]
        found.append(_Candidate(item, box, texture(part)))
    return found


def _with_content(candidates: list[_Candidate]) -> list[_Candidate]:
    """Those that are not bare ground."""
    contrast = np.array([one.texture.contrast for one in candidates] or [0.0])
    least = _BARE * np.quantile(contrast, 0.95)
    return [one for one in candidates if one.texture.contrast >= least]


def _in_rows(box: Box) -> bool:
    return all(o % s == 0 for o, s in zip(box.origin, box.size, strict=True))


def _choose_most(
    free: list[_Candidate],
    known: list[_Candidate],
    n: int,
    taken: Mapping[str, Sequence[Box]],
) -> list[SuggestedTile]:
    """Up to ``n`` tiles: rather bare ground than fewer tiles than were asked for.

    Where there is little room, a tile in the middle leaves none for others: then only
    tiles that lie in rows and columns count.
    """
    most: list[SuggestedTile] = []
    for among in (_with_content(free), free):
        for candidates in (among, [one for one in among if _in_rows(one.box)]):
            tiles = _choose(candidates, known, n, taken) if candidates else []
            most = max(most, tiles, key=len)
            if len(most) == n:
                return most
    return most


def _choose(
    free: list[_Candidate],
    known: list[_Candidate],
    n: int,
    taken: Mapping[str, Sequence[Box]],
) -> list[SuggestedTile]:
    """Greedy k-medoids among ``free``, beside the tiles that are ``known``."""
    features = standardise([one.texture for one in (*free, *known)])
    apart = _distances(features[: len(free)], features)
    # Nobody stands for a candidate yet: as far as the farthest.
    nearest = apart[:, len(free) :].min(axis=1, initial=float(apart.max()) + 1)
    filled = np.array([one.texture.filled for one in free])
    weight = np.minimum(1, _LEAST_WEIGHT + filled / _FULL)
    counts = {one.item.id: len(taken.get(one.item.id, ())) for one in free}
    open_ = np.ones(len(free), bool)
    chosen: list[int] = []
    while len(chosen) < n and open_.any():
        fewest = min(counts[free[i].item.id] for i in np.flatnonzero(open_))
        eligible = [
            i for i in np.flatnonzero(open_) if counts[free[i].item.id] == fewest
        ]
        gains = np.maximum(nearest[:, None] - apart[:, eligible], 0).sum(axis=0)
        best = int(eligible[int(np.argmax(gains * weight[eligible]))])
        chosen.append(best)
        nearest = np.minimum(nearest, apart[:, best])
        counts[free[best].item.id] += 1
        for i in np.flatnonzero(open_):
            if _collide(free[i], free[best]):
                open_[i] = False
    rivals = [*chosen, *range(len(free), len(features))]
    closest = np.argmin(apart[:, rivals], axis=1)
    shares = np.bincount(closest, minlength=len(rivals)) / len(free)
    return [
        SuggestedTile(free[i].item, free[i].box, float(share))
        for i, share in zip(chosen, shares, strict=False)
    ]


def _collide(one: _Candidate, other: _Candidate) -> bool:
    return one.item.id == other.item.id and one.box.overlaps(other.box)


def _distances(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances between the rows of two arrays, ``(len(one), len(other))``."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squares - 2 * one @ other.T, 0))
    return distances
