"""The whole way on drawn nuclei whose truth is known."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_semiseg import api
from napari_semiseg.api.checking import has_display
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, replace_file
from napari_semiseg.geometry import Box
from napari_semiseg.samples.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord

_SEED = 2026
_N_IMAGES = 8
_N_LABELLED = 3
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


def run_demo(
    folder: Path | None = None,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    weights: str = "auto",
    device: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
    on_event: Callable[[Event], None] | None = None,
    progress: api.Progress | None = None,
) -> DemoReport:
    """Draw images, label three tiles, train, export, and score the export.

    Parameters
    ----------
    folder
        A new one; None: ``napari-semiseg-demo`` in the current folder, with a number if
        it is there.
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
    tell(f"Drawing {_N_IMAGES} images of nuclei in {place}.")
    names = _draw(place)
    project = place / "project"
    api.init(project, [place / "images"])
    n_objects = 0
    for name in names[:_N_LABELLED]:
        labels = place / "labels" / f"{name}.tif"
        report = api.label(project, name, labels, tiles=[_labelled_box()])
        n_objects += report.n_objects
    tell(
        f"Labelled {_N_LABELLED} tiles of {_TILE} x {_TILE} pixels with {n_objects} "
        f"nuclei; {_N_IMAGES - _N_LABELLED} images have no label."
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


def viewer_missing() -> str | None:
    """Why the viewer cannot be opened; None if it can."""
    if not has_display():
        return "there is no display."
    if util.find_spec("napari") is None:
        return 'napari is not installed: pip install "napari-semiseg[all]"'
    if util.find_spec("napari_semiseg.viewer") is None:
        return (
            "this version has no viewer yet. Drag the images and results into napari."
        )
    return None


def open_viewer(report: DemoReport) -> None:
    """Open the first image with its mask in napari, in a process of its own."""
    first = sorted((report.folder / "truth").glob("*.tif"))[0].name
    files = [str(report.folder / kind / first) for kind in ("images", "results")]
    command = [sys.executable, "-m", "napari", *files]
    subprocess.run(command, check=False)


def _new_folder(folder: Path | None) -> Path:
    if folder is not None:
        place = folder.expanduser().resolve()
        if place.exists() and any(place.iterdir()):
            raise SemisegError(f"{place} is not empty: name a new folder.")
        return make_folder(place)
    base = Path.cwd() / "napari-semiseg-demo"
    places = [base, *(base.with_name(f"{base.name}-{n}") for n in range(2, 1000))]
    return make_folder(next(place for place in places if not place.exists()))


def _draw(place: Path) -> list[str]:
    """Write images; of the first some labels, of the others the truth."""
    names = []
    for number, rng in enumerate(np.random.default_rng(_SEED).spawn(_N_IMAGES)):
        image, instances = synthetic_nuclei(
            rng,
            (_SIZE, _SIZE),
            crowding=rng.uniform(0.1, 0.4),
            noise=rng.uniform(0.5, 1.5),
            size=rng.uniform(20, 26),
        )
        name = f"nuclei_{number + 1}"
        kind = "labels" if number < _N_LABELLED else "truth"
        _write(place / "images" / f"{name}.tif", image)
        _write(place / kind / f"{name}.tif", instances.astype(np.uint16))
        names.append(name)
    return names


def _write(path: Path, array: NDArray[np.uint16]) -> None:
    make_folder(path.parent)

    def write(temporary: Path) -> None:
        tifffile.imwrite(
            temporary,
            array,
            imagej=True,
            resolution=(1 / _PIXEL_SIZE, 1 / _PIXEL_SIZE),
            metadata={"axes": "YX", "unit": "um"},
        )

    replace_file(path, write)


def _labelled_box() -> Box:
    first = (_SIZE - _TILE) // 2
    return Box((first, first), (_TILE, _TILE))
