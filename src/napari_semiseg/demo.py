"""The whole way on sample images whose truth is known: drawn, or real ones."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg import api
from napari_semiseg.api.checking import has_display
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.files import make_folder, replace_file
from napari_semiseg.geometry import Box
from napari_semiseg.samples.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord

_SEED = 2026
_N_IMAGES = 8
_N_LABELLED = 3
_MOST_REAL = 24
_SIZE = 256
_TILE = 128
_STEPS = 240  # About two minutes on two cores.
_PIXEL_SIZE = 0.5  # Micrometres.
_ENCODER = "mobilenet_v2"
# Small batches: so early, many steps teach a network more than careful ones.
_SETTINGS = {
    "supervised": {"batch": 4},
    "consistency": {"labelled_batch": 4, "unlabelled_batch": 4, "fresh": 1},
}


@dataclass(frozen=True)
class DemoReport:
    """Where everything lies, how the run ended, and how good the masks are."""

    folder: Path
    record: RunRecord
    exported: api.OutputReport
    evaluation: api.EvaluationReport


@dataclass(frozen=True, eq=False)
class Sample:
    """An image ``(Y, X)``, its instances ``(Y, X)``, its pixel size in micrometres."""

    name: str
    image: NDArray[Any]
    instances: NDArray[Any]
    pixel_size: float | None = None


def run_demo(
    folder: Path | None = None,
    *,
    samples: Iterable[Sample] | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    weights: str = "auto",
    device: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
    on_event: Callable[[Event], None] | None = None,
    progress: api.Progress | None = None,
) -> DemoReport:
    """Take images, label three tiles, train, export, and score the export.

    Parameters
    ----------
    folder
        A new one; None: ``napari-semiseg-demo`` in the current folder, with a number if
        it is there.
    samples
        Images with their truth, such as `real_samples`; None: images that are drawn.
    steps, minutes
        How long to train; None: some minutes on two cores.
    weights
        Of the encoder, as for `api.train`.
    device
        Where to train and predict.
    tell
        Called with what is done, sentence by sentence.
    on_event, progress
        As for `api.train` and `api.export`.

    Raises
    ------
    SemisegError
        When the folder is in use, or the run failed.
    """
    place = _new_folder(folder)
    tell(f"Putting {'images' if samples else 'drawn images'} of nuclei in {place}.")
    written = _write_samples(place, drawn_samples() if samples is None else samples)
    project = place / "project"
    api.init(project, [place / "images"])
    n_objects = 0
    for name, box in written.labelled.items():
        labels = place / "labels" / f"{name}.tif"
        report = api.label(project, name, labels, tiles=[box])
        n_objects += report.n_objects
    tell(
        f"Labelled {len(written.labelled)} tiles of at most {_TILE} x {_TILE} pixels "
        f"with {n_objects} nuclei; {written.n_unlabelled} images have no label."
    )
    record = api.train(
        project,
        steps=steps or (None if minutes else _STEPS),
        minutes=minutes,
        encoder=_ENCODER,
        settings=_SETTINGS,
        weights=weights,
        device=device,
        on_event=on_event,
    )
    if record.state == "failed":
        raise SemisegError(record.failure or "The run failed.")
    exported = api.export(project, place / "results", device=device, progress=progress)
    tell("Scores on the images without a label, whose truth is known:")
    evaluation = api.evaluate(place / "results", place / "truth")
    return DemoReport(place, record, exported, evaluation)


def write_sample_images(folder: Path) -> Path:
    """Draw the demo's images, without their truth, into ``folder/images``.

    Returns
    -------
    Path
        The folder of the images.
    """
    for sample in drawn_samples():
        _write(folder / "images" / f"{sample.name}.tif", sample.image, sample)
    return folder / "images"


def viewer_missing() -> str | None:
    """Why the viewer cannot be opened; None if it can."""
    if not has_display():
        return "there is no display."
    if util.find_spec("napari") is None:
        return 'napari is not installed: pip install "napari-semiseg[all]"'
    return None


def open_viewer(report: DemoReport) -> None:
    """Open the project in napari, and wait until its window is closed."""
    # In a process of its own: torch, loaded here, and OpenGL do not go together.
    project = str(report.folder / "project")
    subprocess.run(
        [sys.executable, "-m", "napari_semiseg", "open", project], check=False
    )


def _new_folder(folder: Path | None) -> Path:
    if folder is not None:
        place = folder.expanduser().resolve()
        if place.exists() and any(place.iterdir()):
            raise SemisegError(f"{place} is not empty: name a new folder.")
        return make_folder(place)
    base = Path.cwd() / "napari-semiseg-demo"
    places = [base, *(base.with_name(f"{base.name}-{n}") for n in range(2, 1000))]
    return make_folder(next(place for place in places if not place.exists()))


def drawn_samples() -> Iterator[Sample]:
    """Nuclei that differ in crowding, noise and size."""
    for number, rng in enumerate(np.random.default_rng(_SEED).spawn(_N_IMAGES)):
        image, instances = synthetic_nuclei(
            rng,
            (_SIZE, _SIZE),
            crowding=rng.uniform(0.1, 0.4),
            noise=rng.uniform(0.5, 1.5),
            size=rng.uniform(20, 26),
        )
        yield Sample(f"nuclei_{number + 1}", image, instances, _PIXEL_SIZE)


def real_samples(
    pairs: Sequence[tuple[Path, Path]], most: int = _MOST_REAL
) -> Iterator[Sample]:
    """Images and their masks from disk, evenly chosen if there are many.

    Raises
    ------
    SemisegError
        When there are too few, or one cannot be read.
    """
    if len(pairs) <= _N_LABELLED:
        raise SemisegError(
            f"The demo needs more than {_N_LABELLED} images with masks, but found "
            f"{len(pairs)}: choose a folder with images/ and masks/ of equal names."
        )
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    for image, mask in (pairs[index] for index in chosen):
        frame = open_frame(describe(image))
        pixels = frame.read(Box.whole(frame.shape))[0]
        yield Sample(image.stem, pixels, read_labels(mask, pixels.shape))


def pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Files of equal stems in ``folder/images`` and ``folder/masks``."""
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*"))}
    images = sorted((folder / "images").glob("*"))
    return [(path, masks[path.stem]) for path in images if path.stem in masks]


@dataclass(frozen=True)
class _Written:
    """Which box of which image is labelled, and how many images are not."""

    labelled: dict[str, Box]
    n_unlabelled: int


def _write_samples(place: Path, samples: Iterable[Sample]) -> _Written:
    """Write images; labels of the first ones with objects, the truth of the others."""
    labelled: dict[str, Box] = {}
    n_unlabelled = 0
    for sample in samples:
        first = len(labelled) < _N_LABELLED and bool(sample.instances.any())
        _write(place / "images" / f"{sample.name}.tif", sample.image, sample)
        kind = "labels" if first else "truth"
        numbers = np.maximum(sample.instances, 0).astype(np.uint16)
        _write(place / kind / f"{sample.name}.tif", numbers, sample)
        if first:
            labelled[sample.name] = _fullest_box(sample.instances)
        n_unlabelled += not first
    return _Written(labelled, n_unlabelled)


def _fullest_box(instances: NDArray[Any]) -> Box:
    """The tile on a coarse grid that holds the most objects."""
    size = tuple(min(_TILE, length) for length in instances.shape)
    steps = [
        range(0, length - side + 1, _TILE // 4)
        for length, side in zip(instances.shape, size, strict=True)
    ]
    boxes = [Box(origin, size) for origin in itertools.product(*steps)]
    return max(boxes, key=lambda box: len(np.unique(instances[box.slices])))


def _write(path: Path, array: NDArray[Any], sample: Sample) -> None:
    make_folder(path.parent)
    known = sample.pixel_size
    scale: dict[str, Any] = {"metadata": {"axes": "YX"}}
    if known is not None:
        scale["resolution"] = (1 / known, 1 / known)
        scale["metadata"]["unit"] = "um"

    import tifffile  # Slow to import.

    def write(temporary: Path) -> None:
        tifffile.imwrite(temporary, array, imagej=True, **scale)

    replace_file(path, write)
