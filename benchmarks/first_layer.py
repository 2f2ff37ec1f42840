"""How long until the dock shows a useful layer, from a single labelled tile?

For each seed a project of unlabelled images is made, in one of which the tile of 128 x
128 pixels that is suggested first is labelled from the truth; ten images more are kept
from the training. Then, in a fresh process, the clock starts when the dock opens in
napari's window. A hand opens the project, presses *Train*, and looks at the ten images
in turn, again and again, as a user might; whatever the layer *instances* shows of them
is scored. The clock stops when the last ten layers that were shown, one of each image,
reach the mean score that is asked for.

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.first_layer DATA
    --weights mobilenet_v2.pth

where DATA holds ``images/*.tif`` and ``masks/*.tif`` of equal names. Everything else is
as the dock has it. Prints a row a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.latency_probes import wait, wait_until
from benchmarks.sets import read_pair
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.project.suggesting import suggest_tiles
from napari_semiseg.segmentation.metrics import score_image

if TYPE_CHECKING:
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.dock import SemisegDock

_SIDE = 128  # Pixels of the labelled tile,
_LOOK = 512  # and of what a run shows of an image on a processor.
_UNSEEN = 10  # Images.


def main() -> None:
    """Measure each seed in a process of its own, and print a table."""
    options = _parse()
    if options.project is not None:
        print(json.dumps(watch(options.project, options)), flush=True)
        os._exit(0)  # Nothing of the viewer is to be saved.
    print("| seed | objects | layer shown, s | its score | score >= ", end="")
    print(f"{options.score:g}, s | step |\n|---|---|---|---|---|---|", flush=True)
    first = options.first_seed
    for seed in range(first, first + options.seeds):
        print(f"| {seed} | {_row(seed, options)} |", flush=True)
    print(f"load at the end: {os.getloadavg()[0]:.1f}", flush=True)


def _row(seed: int, options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        objects = make_project(Path(folder) / "nuclei.semiseg", seed, options)
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.first_layer"]
        command += [*sys.argv[1:], "--project", str(Path(folder) / "nuclei.semiseg")]
        environment = {**os.environ, "NAPARI_CONFIG": str(Path(folder) / "napari.yaml")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
    found = json.loads(done.stdout.splitlines()[-1])
    print(" ".join(f"{t:.0f}:{s:.2f}" for t, s in found["shown"]), file=sys.stderr)
    reached = found["reached"]
    columns = [
        str(objects),
        f"{found['first']:.0f}",
        f"{found['first_score']:.2f}",
        f"not in {options.most:g}" if reached is None else f"{reached:.0f}",
        str(found["step"]),
    ]
    return " | ".join(columns)


def make_project(folder: Path, seed: int, options: argparse.Namespace) -> int:
    """A project with one labelled tile and ten test images; the objects in the tile."""
    names = sorted(path.name for path in (options.data / "images").glob("*.tif"))
    drawn = np.random.default_rng(seed).permutation(names)
    project = Project.create(folder)
    pool = drawn[_UNSEEN : _UNSEEN + options.images]
    project.add_images([options.data / "images" / name for name in sorted(pool)])
    test = [options.data / "images" / name for name in sorted(drawn[:_UNSEEN])]
    project.add_images(test, role="test")
    if options.weights is not None:
        changes = {"network": {"weights": str(options.weights.resolve())}}
        project.update_settings(training={"changes": changes})
    (tile,) = suggest_tiles(project, 1, _SIDE, seed=seed)
    truth = read_pair(options.data, tile.item.name).instances[tile.box.slices]
    known = Annotation(truth, np.ones(tile.box.size, bool))
    AnnotationStore(project).save(tile.item, tile.box, known, "training")
    return len(np.unique(truth[truth > 0]))


def watch(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Open the dock, train, and look at the test images until they are good enough."""
    import napari
    from qtpy.QtWidgets import QPushButton

    from napari_semiseg.viewer.opening import add_dock

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1320, 900)
    wait(1)
    start = time.monotonic()
    dock = add_dock(viewer)
    dock.open_project(folder)
    dock.open_step("Train")
    wait_until(lambda: dock.desk.training.why_not() is None, 60)
    panel = dock.panel("Train")
    wait(0.1)
    next(b for b in panel.findChildren(QPushButton) if b.text() == "Train").click()
    wait_until(lambda: dock.desk.training.active is not None, 60)
    project = dock.desk.session.opened
    unseen = [item for item in project.images if item.role == "test"]
    shown: list[tuple[float, float]] = []
    while time.monotonic() - start < options.most:
        score = look_at_one(dock, unseen[len(shown) % _UNSEEN], options)
        shown.append((time.monotonic() - start, score))
        last = [one for _, one in shown[-_UNSEEN:]]
        if len(last) == _UNSEEN and np.mean(last) >= options.score:
            break
    else:
        last = []
    reached, step = (shown[-1][0] if last else None), dock.desk.training.view.step
    run = dock.desk.training.active
    if run is not None:
        dock.desk.training.stop()
        wait_until(lambda: dock.desk.training.active is None, 120)
    return {
        "first": shown[0][0],
        "first_score": shown[0][1],
        "reached": reached,
        "step": step,
        "shown": shown,
    }


def look_at_one(
    dock: SemisegDock, item: ImageItem, options: argparse.Namespace
) -> float:
    """Put an image in view, and score what is shown of it first."""
    desk = dock.desk
    desk.images.show(item)
    size = tuple(min(side, _LOOK) for side in item.shape)
    offset = tuple((a - b) // 2 for a, b in zip(item.shape, size, strict=True))
    box = Box(offset, size)
    wait_until(
        lambda: (
            desk.session.item == item
            and desk.teacher.known_in(box)
            and not desk.teacher.busy
        ),
        options.most,
    )
    found = desk.teacher.instances_in(box)
    truth = read_pair(options.data, item.name).instances[box.slices]
    empty = np.zeros(box.size, np.int32)
    return score_image(empty if found is None else found, truth).s_dsb


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help="of the encoder, a file")
    parser.add_argument("--images", type=int, default=48, help="unlabelled ones")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--score", type=float, default=0.5, help="S_DSB to reach")
    parser.add_argument("--most", type=float, default=300, help="seconds")
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
