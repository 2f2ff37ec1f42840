"""Who is labelled, who judges, who is tested: drawn by seed, groups kept together."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_semiseg.api.benchmarking.amounts import ALL
from napari_semiseg.api.benchmarking.true_sizes import TrueSizes
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)
from napari_semiseg.segmentation.classes import mark_cut_edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.benchmarking.amounts import Amount
    from napari_semiseg.api.benchmarking.examples import Example

    Role = Literal["training", "validation"]

_SPLIT_SEED = 2018  # The test images are the same for every seed and every arm.
_ATTEMPTS = 10  # Places in an image before it is passed over as having no object.
_MOST_ROUNDS = 64  # Tiles of one image.


@dataclass(frozen=True, eq=False)
class Drawn:
    """What one seed learns from.

    ``pool`` are the examples that ``training_set`` knows without their truth;
    ``n_tiles`` the number of labelled tiles, or what all labelled images amount to.
    """

    training_set: TrainingSet
    pool: tuple[Example, ...]
    n_tiles: int


@dataclass(frozen=True)
class Question:
    """What the tiles are labelled with.

    ``classes`` are names without the background; None: objects are told apart.
    """

    tile: int
    validation: Amount
    classes: tuple[str, ...] | None = None


def hold_out(
    examples: Sequence[Example], wanted: Amount
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Set whole groups aside for the test: the pool, and the test images.

    Raises
    ------
    SemisegError
        When there is only one group.
    """
    order = _shuffled_groups(examples, np.random.default_rng(_SPLIT_SEED))
    if len(order) < 2:
        raise SemisegError(
            "All images belong together (one stack, one group, or equal pixels), so "
            "that none can be held out as a test: give --test-images and --test-truth."
        )
    n_wanted = max(1, wanted.of(len(examples)))
    held: list[Example] = []
    for group in order[:-1]:
        if len(held) >= n_wanted:
            break
        held += [example for example in examples if example.group == group]
    kept = {example.name for example in held}
    pool = tuple(example for example in examples if example.name not in kept)
    return pool, tuple(sorted(held, key=lambda example: example.name))


def draw(
    pool: Sequence[Example], n_labelled: str, seed: int, question: Question
) -> Drawn:
    """Draw labelled tiles; more of them include those that fewer would be.

    One tile an image, with at least one object in it, of as many groups as possible; a
    second one of the same image only when all images have one. Validation tiles come
    from groups of their own, which are not in the unlabelled pool either.

    Parameters
    ----------
    n_labelled
        Training and validation tiles together, or ``all``: the whole of every image.

    Raises
    ------
    SemisegError
        When the images do not hold so many tiles.
    """
    rng = np.random.default_rng([seed, _SPLIT_SEED])
    order = _shuffled_groups(pool, rng)
    if n_labelled == ALL:
        return _draw_all(pool, order, question)
    n = int(n_labelled)
    n_judges = question.validation.of(n)
    # From the two ends of one order, so that both sets grow without changing. One group
    # is left to learn from.
    judging_images = _images_of(pool, order[:0:-1], rng)
    judges = _take(pool, judging_images, n_judges, seed, question, "validation")
    judging = {_group(pool, tile.image_id) for tile in judges}
    left = [group for group in order if group not in judging]
    in_turn = _one_a_group(pool, _images_of(pool, left, rng))
    training = _take(pool, in_turn, n - len(judges), seed, question, "training")
    labelled = (*training, *judges)
    if len(labelled) < n or not training:
        raise SemisegError(
            f"Only {len(labelled)} tiles with something in them can be drawn from "
            f"{len(pool)} images, and {n} were asked for: ask for fewer, or for "
            "smaller ones."
        )
    return _drawn(pool, labelled, judging, question, n)


def _draw_all(
    pool: Sequence[Example], order: Sequence[str], question: Question
) -> Drawn:
    n_judges = question.validation.of(len(order))
    judging = set(order[len(order) - n_judges :])
    labelled = tuple(
        _tile(
            example,
            Box.whole(example.truth.shape),
            "validation" if example.group in judging else "training",
            question,
        )
        for example in pool
    )
    area = sum(example.truth.size for example in pool)
    return _drawn(
        pool, labelled, judging, question, max(1, round(area / question.tile**2))
    )


def _drawn(
    pool: Sequence[Example],
    labelled: tuple[LabelledTile, ...],
    judging: set[str],
    question: Question,
    n_tiles: int,
) -> Drawn:
    unlabelled = tuple(example for example in pool if example.group not in judging)
    training_set = TrainingSet(
        labelled,
        tuple(_without_truth(one, question) for one in unlabelled),
        n_channels=pool[0].source.n_channels,
        classes=question.classes or ("object",),
        task="instances" if question.classes is None else "semantic",
    )
    return Drawn(training_set, unlabelled, n_tiles)


def _without_truth(example: Example, question: Question) -> UnlabelledImage:
    """What a method sees of an image; only one that asks for it is told its sizes."""
    n_classes = None if question.classes is None else len(question.classes)
    sizes = TrueSizes(example.truth, n_classes)
    return UnlabelledImage(example.source, example.name, sizes=sizes)


def _images_of(
    pool: Sequence[Example], groups: Sequence[str], rng: np.random.Generator
) -> list[int]:
    """Numbers of the images of some groups, group by group, shuffled within each."""
    places = {number: place for place, number in enumerate(rng.permutation(len(pool)))}
    rank = {group: number for number, group in enumerate(groups)}
    images = [number for number, one in enumerate(pool) if one.group in rank]
    return sorted(images, key=lambda n: (rank[pool[n].group], places[n]))


def _one_a_group(pool: Sequence[Example], images: Sequence[int]) -> list[int]:
    """First one image of each group, then a second one, and so on."""
    seen: Counter[str] = Counter()
    turns = {}
    for number in images:
        turns[number] = seen[pool[number].group]
        seen[pool[number].group] += 1
    return sorted(images, key=lambda number: turns[number])


def _take(
    pool: Sequence[Example],
    images: Sequence[int],
    n: int,
    seed: int,
    question: Question,
    role: Role,
) -> list[LabelledTile]:
    """Up to ``n`` tiles: one of each image, then a second one of each, and so on."""
    streams = [_tiles_of(pool[k], [seed, k], question, role) for k in images]
    return list(itertools.islice(_in_turn(streams), n))


def _in_turn(streams: list[Iterator[LabelledTile | None]]) -> Iterator[LabelledTile]:
    while streams:
        going = []
        for stream in streams:
            try:
                tile = next(stream)
            except StopIteration:
                continue
            going.append(stream)
            if tile is not None:
                yield tile
        streams = going


def _tiles_of(
    example: Example, seed: list[int], question: Question, role: Role
) -> Iterator[LabelledTile | None]:
    """Tiles of one image that do not overlap; None where none was found this time."""
    if not (example.truth > 0).any():
        return
    rng = np.random.default_rng(seed)
    taken: list[Box] = []
    for _ in range(_MOST_ROUNDS):
        box = _place(example, taken, rng, question.tile)
        if box is None:
            yield None
            if taken:
                return
            continue
        taken.append(box)
        yield _tile(example, box, role, question)


def _place(
    example: Example, taken: Sequence[Box], rng: np.random.Generator, size: int
) -> Box | None:
    shape = example.truth.shape
    for _ in range(_ATTEMPTS):
        origin = tuple(int(rng.integers(max(1, side - size + 1))) for side in shape)
        box = Box(origin, (size,) * len(shape)).clip(shape)
        if (example.truth[box.slices] > 0).any() and not any(
            box.overlaps(other) for other in taken
        ):
            return box
    return None


def _tile(example: Example, box: Box, role: Role, question: Question) -> LabelledTile:
    instances = example.truth[box.slices]
    known: NDArray[np.bool_] = instances >= 0
    classes: dict[int, int] = {}
    if question.classes is None:
        known = mark_cut_edges(instances, known, box, example.truth.shape)
    else:
        classes = {number: number for number in range(1, len(question.classes) + 1)}
    return LabelledTile(
        example.source.read(box),
        instances,
        known,
        classes,
        example.name,
        box.origin,
        role,
        example.source,
    )


def _shuffled_groups(
    examples: Sequence[Example], rng: np.random.Generator
) -> list[str]:
    names = sorted({example.group for example in examples})
    return [names[number] for number in rng.permutation(len(names))]


def _group(pool: Sequence[Example], name: str) -> str:
    return next(example.group for example in pool if example.name == name)


def tile_size_for(tile: int) -> int:
    """Side of a training tile: the labelled tile's, up to the next multiple of 32."""
    return min(1024, 32 * math.ceil(tile / 32))
