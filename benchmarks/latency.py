"""Does the viewer stay quick while a model is trained, and on large images?

In one viewer, on a synthetic image of 2048 x 2048 pixels: before there is a dock;
idle; while a real training goes on in its process, the dock follows it, and the
layers are refreshed every 2 seconds (by two answers of this teacher in turn, beside
those that it gives by itself); and with the training paused, with the same refreshes.
In each a hand paints for half of the time, first on the tile in hand, then on the
layer of objects. Measured are the gaps between the ticks of a timer of 10 ms, and the
time from a movement of the mouse until the layer holds its pixels, and until the
canvas has been drawn after that.

Then the same strokes on images of 20,000 x 20,000 pixels, with the memory they take;
and how long the dock takes to open.

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.latency

On a screen of your own leave ``xvfb-run`` away, and the mouse alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from qtpy.QtCore import QTimer

from benchmarks.latency_probes import HEAD, Times, hand, wait, wait_until
from benchmarks.latency_projects import (
    SIDE,
    large_tiff,
    large_zarr,
    plain_project,
)
from benchmarks.latency_start import start_times
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.viewer.teacher import looking

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_semiseg.project.project import Project
    from napari_semiseg.viewer.dock import SemisegDock

SETTINGS: dict[str, Any] = {
    "steps": 100_000,
    "supervised_fraction": 0.0,
    "network": {"encoder": "mobilenet_v2", "weights": "none"},
}


def main() -> None:
    """Measure what is asked for, and print tables."""
    options = _parse()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        print(f"load before: {os.getloadavg()[0]:.1f}\n", flush=True)
        if "start" in options.parts:
            print(start_times(options.repeats), flush=True)
        try:
            if {"training", "large"} & set(options.parts):
                _measure_viewer(Path(folder), options)
            print(f"load after: {os.getloadavg()[0]:.1f}", flush=True)
        except BaseException:
            traceback.print_exc()
        for child in psutil.Process().children(recursive=True):
            child.kill()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)  # Nothing of the viewer is to be saved.


def _measure_viewer(folder: Path, options: argparse.Namespace) -> None:
    import napari

    from napari_semiseg.viewer.opening import add_dock

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(*options.window)
    wait(1)
    bare = bare_napari(viewer, options.seconds)
    # The canvas is to stay as large as without the dock.
    window, canvas = viewer.window._qt_window, viewer.window._qt_viewer.canvas.native
    before = canvas.width()
    dock = add_dock(viewer)
    wait(1)
    window.resize(window.width() + before - canvas.width(), window.height())
    wait(1)
    if "training" in options.parts:
        print(training_table(dock, folder / "plain", bare, options), flush=True)
    if "large" in options.parts:
        print(large_table(dock, folder, options), flush=True)
    print(f"canvas {canvas.width()} x {canvas.height()} ({before} without the dock)")


def bare_napari(viewer: Viewer, seconds: float) -> Times:
    """The same strokes on the same kinds of layers before there is a dock."""
    image = np.random.default_rng(0).integers(0, 4000, (SIDE, SIDE), np.uint16)
    viewer.add_image(image, contrast_limits=(0, 4000))
    large = viewer.add_labels(np.zeros((SIDE, SIDE), np.int32))
    tile = Box((SIDE // 2, SIDE // 2), (256, 256))
    small = viewer.add_labels(np.zeros(tile.size, np.int32), translate=tile.origin)
    wait(1)
    beside = Box((SIDE // 2, SIDE // 2 - 256), (256, 256))
    times = hand(viewer, seconds, [(small, tile), (large, beside)])
    viewer.layers.clear()
    return times


def training_table(
    dock: SemisegDock, folder: Path, bare: Times, options: argparse.Namespace
) -> str:
    """The viewer idle, with a training, and with the same swaps alone."""
    bench = Bench(dock, plain_project(folder), options.seconds)
    desk = dock.desk
    desk.viewer.reset_view()
    wait(1)
    idle, busy, swaps = Times(), Times(), Times()
    idle += bench.measure()
    # Two answers soon; then the teacher is asked as often as the dock asks it.
    usual, looking._SHARE = looking._SHARE, 0.0
    settings = make_settings("actis", "default", SETTINGS)
    dock.open_step("Train")
    if not desk.training.start(settings, device="cpu", start="scratch"):
        raise SystemExit("The training did not start.")
    swapping = Swapping(dock, options.every)
    wait_until(lambda: len(swapping.answers) > 1, 600)
    looking._SHARE = usual
    wait(3)  # It has been asked once more.
    wait_until(lambda: not desk.looking.waiting and not desk.teacher.busy, 120)
    for _ in range(options.rounds):
        step = desk.training.view.step or 0
        swapping.start()
        busy += (found := bench.measure())
        busy.refreshes += swapping.stop()
        made = (desk.training.view.step or 0) - step
        print(f"{made} steps {found.row('training')}", flush=True)
        desk.training.pause()
        wait_until(lambda: desk.training.view.state == "paused", 120)
        wait_until(lambda: not desk.looking.waiting and not desk.teacher.busy, 120)
        wait(2)
        swapping.start()
        swaps += (found := bench.measure())
        swaps.refreshes += swapping.stop()
        print(found.row("swaps"), flush=True)
        desk.training.resume()
        wait_until(lambda: desk.training.view.state == "training", 120)
        wait(2)
    desk.training.stop()
    wait_until(lambda: desk.training.active is None, 120)
    bench.close()
    rows = [
        bare.row("idle, napari without the dock"),
        idle.row("idle"),
        swaps.row("training paused, the same swaps"),
        busy.row("training, layers swapped"),
    ]
    return "\n".join(["", HEAD, *rows, ""])


def large_table(dock: SemisegDock, folder: Path, options: argparse.Namespace) -> str:
    """Strokes on images that are not read whole."""
    rows = []
    for name, make in (("TIFF, memory-mapped", large_tiff), ("OME-Zarr", large_zarr)):
        project = make(folder / name.split(",")[0])
        memory = Memory()
        started = time.perf_counter()
        bench = Bench(dock, project, options.seconds / 2)
        took = time.perf_counter() - started
        times = bench.measure()
        bench.close()
        rows.append((name, times, took, memory.added))
    words = [
        f"{name}: image and tile on the screen after {took:.1f} s, {added:.0f} MB added"
        for name, _, took, added in rows
    ]
    table = [times.row(name) for name, times, _, _ in rows]
    return "\n".join(["", *words, "", HEAD, *table, ""])


class Bench:
    """A project in the viewer, a tile to do in hand, and somebody who paints."""

    def __init__(self, dock: SemisegDock, project: Project, seconds: float) -> None:
        self._dock, self._desk, self._seconds = dock, dock.desk, seconds
        desk = dock.desk
        dock.open_project(project.folder)
        item = project.images[0]
        wait_until(lambda: desk.session.item == item and desk.teacher.ready, 60)
        tiles = desk.session.annotations.tiles(item)
        self._tile = next(t.box for t in tiles if t.state == "to do")
        desk.session.take(self._tile)
        wait_until(lambda: desk.annotating.place is not None, 60)
        desk.viewer.window._qt_viewer.canvas.native.update()
        wait(0.05)

    def measure(self) -> Times:
        """Gaps and strokes, half of the time on the tile, half on the objects."""
        layers = self._desk.viewer.layers
        places = [
            (layers["annotation"], self._tile),
            (layers["instances"], self._beside),
        ]
        return hand(self._desk.viewer, self._seconds, places)

    @property
    def _beside(self) -> Box:
        """A box of the layer of objects beside the tile in hand, on the screen."""
        y, x = self._tile.origin
        height, width = self._tile.size
        on_screen = self._desk.looking.visible()
        left = Box((y, x - width), (height, width)).intersection(on_screen)
        return left if min(left.size) >= 32 else self._tile

    def close(self) -> None:
        """Leave the project."""
        self._desk.autosave.flush()
        self._desk.session.close()
        wait(1)


class Swapping:
    """Shows the first two answers of a teacher in turn, every few seconds."""

    def __init__(self, dock: SemisegDock, every: float) -> None:
        self._teacher, self._take = dock.desk.teacher, dock.desk.teacher.take_answer
        self.answers: list[tuple[Any, ...]] = []
        self._count = 0
        self._timer = QTimer()
        self._timer.setInterval(int(1000 * every))
        self._timer.timeout.connect(self._swap)
        self._teacher.take_answer = self._note  # type: ignore[method-assign]

    def start(self) -> None:
        """Swap from now on."""
        self._count = 0
        self._timer.start()

    def stop(self) -> int:
        """Swap no more; how often the layers were refreshed, by the teacher too."""
        self._timer.stop()
        return self._count

    def _swap(self) -> None:
        self._count += 1
        self._take(*self.answers[self._count % 2])

    def _note(self, image_id: str, box: Box, *arrays: Any, **how: Any) -> None:
        self._count += 1
        if len(self.answers) < 2:
            # Files of a run are replaced; these stay.
            self.answers.append((image_id, box, *map(np.array, arrays)))
        self._take(image_id, box, *arrays, **how)


class Memory:
    """The most memory that the viewer takes from now on."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(50)

    @property
    def added(self) -> float:
        """Megabytes above those of the beginning."""
        self._look()
        return (self._most - self._before) / 1e6

    def _look(self) -> None:
        self._most = max(self._most, self._process.memory_info().rss)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ("training", "large", "start")
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    parser.add_argument("--seconds", type=float, default=30, help="of each row")
    parser.add_argument("--every", type=float, default=2, help="seconds between swaps")
    parser.add_argument("--window", type=int, nargs=2, default=(1000, 750))
    parser.add_argument("--rounds", type=int, default=1, help="of training and swaps")
    parser.add_argument("--repeats", type=int, default=3, help="of each start")
    return parser.parse_args()


if __name__ == "__main__":
    main()
