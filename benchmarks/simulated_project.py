"""The projects of the simulated biologist: one for each seed, arm and round."""

from __future__ import annotations

import functools
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from benchmarks.simulated_biologist import Work, correct, draw_all
from napari_semiseg import api
from napari_semiseg.api.benchmarking.examples import Example
from napari_semiseg.api.benchmarking.judging import score_test
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.project.records import ImageItem

STRICT = 0.7
"""IoU of the second count: what a stricter biologist would have touched."""


@dataclass(frozen=True)
class Place:
    """A tile of an image, by the name of its file."""

    image: str
    box: Box

    def as_list(self) -> list[Any]:
        """Ready for JSON: name, y, x, height, width."""
        return [self.image, *self.box.origin, *self.box.size]


@dataclass(frozen=True)
class Plan:
    """What all arms have in common.

    Attributes
    ----------
    data
        Folder with ``images`` and ``masks`` of equal names.
    work
        Folder of the projects.
    pool, test
        Names of the images to work on, and of those to test on.
    n_images, n_start, n_each
        Images of a project, tiles to begin with, tiles of each later round.
    size
        Side of a tile, px.
    least_objects
        In each of the tiles to begin with.
    training
        Arguments of `api.train`.
    """

    data: Path
    work: Path
    pool: tuple[str, ...]
    test: tuple[str, ...]
    n_images: int
    n_start: int
    n_each: int
    size: int
    least_objects: int
    training: dict[str, Any] = field(default_factory=dict)

    def truth(self, name: str) -> NDArray[np.int32]:
        """Objects of an image, int32 ``(Y, X)``."""
        return tifffile.imread(self.data / "masks" / name).astype(np.int32)

    def images(self, seed: int) -> list[str]:
        """The images of the project of a seed."""
        rng = np.random.default_rng([seed, 0])
        chosen = rng.choice(len(self.pool), self.n_images, replace=False)
        return [self.pool[i] for i in sorted(chosen)]

    def random_places(self, seed: int) -> Iterator[Place]:
        """A tile anywhere in each image of a seed, the images in a random order."""
        rng = np.random.default_rng([seed, 1])
        names = self.images(seed)
        for i in rng.permutation(len(names)):
            shape = self.truth(names[i]).shape
            size = tuple(min(self.size, length) for length in shape)
            origin = (
                int(rng.integers(length - side + 1))
                for length, side in zip(shape, size, strict=True)
            )
            yield Place(names[i], Box(tuple(origin), size))

    def start(self, seed: int) -> list[Place]:
        """The tiles to begin with: the first random ones with enough objects."""
        chosen = []
        for place in self.random_places(seed):
            inside = np.unique(self.truth(place.image)[place.box.slices])
            if np.count_nonzero(inside) >= self.least_objects:
                chosen.append(place)
            if len(chosen) == self.n_start:
                return chosen
        raise SystemExit(f"Seed {seed}: too few images with objects.")

    @functools.cached_property
    def examples(self) -> list[Example]:
        """The test images, normalised as projects do it, with their truth."""
        folder = self.work / "test"
        if not (folder / "project.json").is_file():
            api.init(folder, [self.data / "images" / name for name in self.test])
        project = Project.open(folder)
        examples = []
        for item in project.images:
            pixels = ArraySource(project.source(item).read(Box.whole(item.shape)))
            truth = self.truth(item.name)
            examples.append(Example(item.name, pixels, truth, "", item.name))
        return examples


def begin(plan: Plan, seed: int, method: str) -> dict[str, Any]:
    """Round 0: label the first tiles completely, and train."""
    folder = plan.work / f"{method}-{seed}-0"
    shutil.rmtree(folder, ignore_errors=True)
    names = plan.images(seed)
    api.init(folder, [plan.data / "images" / name for name in names])
    work = Work()
    places = plan.start(seed)
    for place in places:
        truth = plan.truth(place.image)
        labels, done = draw_all(truth[place.box.slices])
        _label(folder, place, truth.shape, labels)
        work += done
    return {
        "tiles": [place.as_list() for place in places],
        "work": work.as_dict(),
        "strict": work.as_dict(),
        **_train_and_test(plan, folder, method, seed),
    }


def go_on(
    plan: Plan, seed: int, method: str, number: int, before: str, now: str, queue: bool
) -> dict[str, Any]:
    """A later round: correct what the model found in the next tiles, and train again.

    Parameters
    ----------
    before, now
        Names of the projects of the round before, which stays as it is, and of this.
    queue
        Take the tiles that the program wants looked at; else random ones.
    """
    folder = plan.work / now
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(plan.work / before, folder)
    project = Project.open(folder)
    clock = time.process_time()
    choose = next_by_queue if queue else next_at_random
    places = choose(plan, project, seed)
    chosen = time.process_time() - clock
    proposals = Proposals(project, "cpu")
    work, strict = Work(), Work()
    for place in places:
        truth = plan.truth(place.image)
        found = proposals.instances(project.image(place.image))[place.box.slices]
        labels, done = correct(found, truth[place.box.slices])
        _label(folder, place, truth.shape, labels)
        work += done
        strict += correct(found, truth[place.box.slices], STRICT)[1]
    return {
        "tiles": [place.as_list() for place in places],
        "work": work.as_dict(),
        "strict": strict.as_dict(),
        "seconds_choosing": chosen,
        **_train_and_test(plan, folder, method, seed),
    }


def next_at_random(plan: Plan, project: Project, seed: int) -> list[Place]:
    """The next random tiles, in images without a finished one; equal for all arms."""
    finished = _finished(project)
    free = (p for p in plan.random_places(seed) if p.image not in finished)
    return [place for place, _ in zip(free, range(plan.n_each), strict=False)]


def next_by_queue(plan: Plan, project: Project, seed: int) -> list[Place]:
    """Where the program wants to be looked at first, in images without a finished tile.

    Tiles have the size of the random ones, and the middle that the program names.
    """
    finished = _finished(project)
    items = {item.id: item for item in project.images}
    ranked = (one for one in api.rank(project, device="cpu") if not one.finished)
    places = []
    for one in ranked:
        item = items[one.image_id]
        if one.problem is None and item.name not in finished:
            places.append(Place(item.name, _around(one.box, item, plan.size)))
        if len(places) == plan.n_each:
            break
    return places


def _around(box: Box | None, item: ImageItem, size: int) -> Box:
    """A tile of the size wanted around the middle of a box; None: of the image."""
    box = box or Box.whole(item.shape)
    sides = tuple(min(size, length) for length in item.shape)
    origin = (
        min(max(start + (length - side) // 2, 0), whole - side)
        for start, length, side, whole in zip(
            box.origin, box.size, sides, item.shape, strict=True
        )
    )
    return Box(tuple(origin), sides)


def _label(
    folder: Path, place: Place, shape: Sequence[int], labels: NDArray[np.int32]
) -> None:
    """Make a tile a finished one of the project."""
    whole = np.zeros(shape, np.int32)
    whole[place.box.slices] = labels
    api.label(folder, place.image, whole, tiles=[place.box])


def _finished(project: Project) -> set[str]:
    """Names of the images with a finished tile."""
    store = AnnotationStore(project)
    return {i.name for i in project.images if any(t.finished for t in store.tiles(i))}


def _train_and_test(plan: Plan, folder: Path, method: str, seed: int) -> dict[str, Any]:
    """Train anew on what is labelled, and score the model that is in use then."""
    trained, record = _timed(
        lambda: api.train(
            folder,
            method=method,
            seed=seed,
            device="cpu",
            start="scratch",
            **plan.training,
        )
    )
    if record.state != "finished":
        raise SystemExit(f"{folder.name}: {record.failure}")
    if model_in_use(Project.open(folder)) is None:
        api.use_model(folder, list_runs(folder)[-1].id)
    predictor = Proposals(Project.open(folder), "cpu").predictor
    testing, images = _timed(lambda: score_test(predictor.model, plan.examples))
    _keep_model_only(folder)
    return {
        "accepted": record.accepted,
        "verdict": record.verdict,
        "thresholds": list(predictor.model.card.thresholds),
        "seconds_training": trained,
        "seconds_testing": testing,
        "images": images,
    }


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor that something took, and what it gave."""
    clock = time.process_time()
    made = act()
    return time.process_time() - clock, made


def _keep_model_only(folder: Path) -> None:
    """Remove checkpoints, and runs whose model is not in use: they are large."""
    used = model_in_use(Project.open(folder))
    for run in list_runs(folder):
        if run != used:
            shutil.rmtree(run.path)
        else:
            shutil.rmtree(run.last_checkpoint.parent, ignore_errors=True)
