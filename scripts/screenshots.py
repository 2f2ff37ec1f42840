"""Make the pictures of the tutorial by driving the real dock.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py [FOLDER]

FOLDER is where the pictures go, docs/images unless told. All of them come from the
drawn sample images, whose truth is known and stands in for the hand that outlines; the
training is a real one of some minutes. With ``--project FOLDER`` the project is kept
there, and a later call finds its model: then everything but the picture of the training
is made anew in a minute. ``--only NAME ...`` makes some pictures only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QScrollArea

from napari_semiseg.demo import drawn_samples
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.project import FILE_NAME
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.viewer.canvas import camera_of, canvas_size, look_at
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_semiseg.project.records import ImageItem

BEFORE = ("empty", "images", "suggested", "painting", "tiles-done", "train-setup")
AFTER = ("finished", "review", "pseudo-labels", "confidence-mask", "export", "light")
NAMES = (*BEFORE, "training", *AFTER)
PROJECT = "nuclei.semiseg"
_WINDOW = (1320, 900)
_MOST_BYTES = 200_000
_STEPS = 300
# Small batches, as in the demo: many steps in the minutes that pictures may take.
_CHANGES: dict[str, Any] = {
    "network": {"encoder": "mobilenet_v2", "weights": "none"},
    "supervised": {"batch": 4},
    "consistency": {"labelled_batch": 4, "unlabelled_batch": 4, "fresh": 1},
}
_N_TILES = 4  # Of which the last one is for validation.
_MINUTE = 60.0


class Studio:
    """napari with the dock, hands to press its buttons, and a camera.

    Parameters
    ----------
    folder
        Where the pictures go.
    wanted
        Names of the pictures to take; others are passed over.
    """

    def __init__(self, folder: Path, wanted: frozenset[str]) -> None:
        self.folder = folder
        self.wanted = wanted
        self.viewer = napari.Viewer(title="napari-semiseg")
        self.window: QWidget = self.viewer.window._qt_window  # noqa: SLF001
        self.window.resize(*_WINDOW)
        self.dock = add_dock(self.viewer)
        self.desk = self.dock.desk
        self.truth = {s.name: s.instances for s in drawn_samples()}
        self.rest(0.5)

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def wait(self, what: str, until: Callable[[], Any], seconds: float = 60) -> None:
        """Let the window live until something is so."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain until {what}")
            self.rest(0.05)

    def press(self, step: str, text: str) -> None:
        """Click the button of a step whose text starts so."""
        self.dock.open_step(step)
        self.rest(0.1)
        buttons = self.dock.panel(step).findChildren(QPushButton)
        found = [b for b in buttons if b.text().startswith(text) and b.isVisible()]
        if not found or not found[0].isEnabled():
            raise SystemExit(f"the button {text} of {step} cannot be pressed")
        QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)
        self.rest(0.1)

    def open_only(self, *titles: str) -> None:
        """Open these steps, close the others, and scroll to the first of them."""
        for step in self.dock.steps:
            step.set_open(step.panel.title in titles)
        self.rest(0.3)
        scroll = self.dock.findChild(QScrollArea)
        if scroll is not None and titles:
            first = next(s for s in self.dock.steps if s.panel.title == titles[0])
            scroll.ensureWidgetVisible(first, 0, 0)
        self.rest(0.1)

    def show(self, name: str) -> ImageItem:
        """Put an image of the project in view."""
        item = next(i for i in self.desk.session.opened.images if i.name == name)
        self.desk.images.show(item)
        self.wait(f"{name} is in view", lambda: self.desk.session.item == item)
        self.rest(0.3)
        return item

    def hover(self, pixel: Sequence[float]) -> None:
        """Put the cursor over a pixel (y, x) of the image in view."""
        canvas = self.viewer.window._qt_viewer.canvas.native  # noqa: SLF001
        camera, size = camera_of(self.viewer), np.array(canvas_size(self.viewer))
        world = np.array(self.desk.session.placement.to_world(pixel))
        y, x = (world - np.array(camera.center)[-2:]) * camera.zoom + size / 2
        QTest.mouseMove(canvas, QPoint(round(x), round(y)))
        self.rest(0.2)

    def take(self, name: str) -> None:
        """Save a picture of the whole window."""
        if name not in self.wanted:
            return
        self.rest(0.6)
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        path = self.folder / f"{name}.png"
        save_small(pixels, path)
        print(f"{path} ({path.stat().st_size // 1000} kB)", flush=True)


def save_small(pixels: Any, path: Path) -> None:
    """Write a picture with as many colours as the size of the file allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    for colours in (256, 128, 64):
        small = picture.quantize(
            colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        small.save(path, optimize=True)
        if path.stat().st_size < _MOST_BYTES:
            return


def begin(studio: Studio, folder: Path) -> None:
    """From nothing to suggested tiles."""
    studio.open_only("Images")
    studio.take("empty")
    studio.dock.menu.open_samples(folder)
    session = studio.desk.session
    studio.wait("an image is in view", lambda: session.item is not None)
    studio.open_only("Images")
    studio.take("images")
    studio.open_only("Annotate")
    panel: Any = studio.dock.panel("Annotate")
    panel._count.setValue(_N_TILES)  # noqa: SLF001
    studio.press("Annotate", "Suggest tiles")
    studio.wait("tiles are suggested", lambda: len(places(studio)) == _N_TILES)
    studio.wait("a tile is in hand", lambda: session.tile is not None)
    studio.rest(1)
    hover_object(studio)
    studio.take("suggested")


def places(studio: Studio) -> list[Any]:
    """The tiles of the project."""
    return list(studio.desk.tiles.book.all())


def hover_object(studio: Studio) -> None:
    """Put the brush over the next object to outline."""
    session = studio.desk.session
    left = objects_left(studio)
    assert session.tile is not None
    y, x = np.argwhere(left == left[left > 0].min()).mean(0) + session.tile.origin
    studio.hover((y, x))


def objects_left(studio: Studio) -> NDArray[Any]:
    """The truth ``(Y, X)`` of the tile in hand, without what is painted already."""
    session = studio.desk.session
    assert session.item is not None and session.tile is not None
    truth = studio.truth[Path(session.item.name).stem][session.tile.slices]
    drawn = np.unique(truth[studio.desk.annotating.annotation.labels > 0])
    left: NDArray[Any] = np.where(np.isin(truth, drawn), 0, truth)
    return left


def outline(studio: Studio, share: float = 1.0) -> None:
    """Paint the objects of the tile in hand, or the first ones of them."""
    truth = objects_left(studio)
    left = [n for n in np.unique(truth) if n > 0]
    layer = studio.desk.annotating.annotation.layer
    assert layer is not None
    for object_id in left[: round(share * len(left))]:
        studio.desk.annotating.tools.new_id()
        layer.data_setitem(np.nonzero(truth == object_id), layer.selected_label)
        studio.rest(0.05)


def annotate(studio: Studio) -> None:
    """Outline what is in the tiles and mark them as done."""
    session = studio.desk.session
    for number in range(_N_TILES):
        if number == 0:
            outline(studio, 0.5)
            studio.desk.annotating.annotation.take_in_hand()
            hover_object(studio)
            studio.take("painting")
        outline(studio)
        last = number == _N_TILES - 1
        studio.press("Annotate", "Validation" if last else "Done")
        if not last:
            before = session.tile, session.item
            studio.press("Annotate", "Next")
            studio.wait(
                "the next tile is in hand",
                lambda before=before: (session.tile, session.item) != before,
            )
            studio.rest(0.5)
    studio.wait("all is saved", lambda: not studio.desk.autosave.unsaved)
    studio.take("tiles-done")


def set_up(studio: Studio) -> None:
    """Look at the settings of the training before anything was trained."""
    studio.open_only("Train")
    server, training = studio.desk.server, studio.desk.training
    server.warm()
    studio.wait("devices are known", lambda: server.devices, 2 * _MINUTE)
    studio.wait("tiles are counted", lambda: training.why_not() is None)
    panel: Any = studio.dock.panel("Train")
    panel._measure()  # noqa: SLF001
    pace = panel._pace  # noqa: SLF001
    studio.wait("the pace is measured", lambda: pace.seconds_per_step("actis"), 300)
    studio.take("train-setup")


def train(studio: Studio, steps: int) -> None:
    """Watch a run until it ends."""
    training, teacher = studio.desk.training, studio.desk.teacher
    studio.open_only("Train")
    studio.wait("tiles are counted", lambda: training.why_not() is None)
    settings = make_settings("actis", "default", _CHANGES)
    training.start(settings, steps=steps, device="cpu")
    studio.wait("the run lives", lambda: training.active, _MINUTE)
    show_unlabelled(studio)
    studio.wait(
        "the run is well under way",
        lambda: (training.view.fraction or 0) > 0.85 or training.active is None,
        30 * _MINUTE,
    )
    studio.wait("objects are cut out", lambda: not teacher.busy, _MINUTE)
    studio.take("training")
    studio.wait("the run ends", lambda: training.active is None, 10 * _MINUTE)
    if training.view.state != "finished":
        raise SystemExit(training.view.sentence)


def show_unlabelled(studio: Studio) -> None:
    """Put an image without tiles in view, as a whole."""
    session = studio.desk.session
    labelled = {tile.item.id for tile in places(studio)}
    free = next(i for i in session.opened.images if i.id not in labelled)
    studio.show(free.name)
    look_at(studio.viewer, session.placement, Box.whole(free.shape), 0.95)


def review(studio: Studio) -> None:
    """What the model finds, and what may be done about it."""
    training, teacher = studio.desk.training, studio.desk.teacher
    studio.wait("the model is known", lambda: training.has_model)
    studio.open_only("Train")
    show_unlabelled(studio)
    item = studio.desk.session.item
    assert item is not None
    whole = Box.whole(item.shape)
    studio.wait("all is seen", lambda: teacher.known_in(whole), 3 * _MINUTE)
    studio.wait("objects are cut out", lambda: not teacher.busy, _MINUTE)
    studio.take("finished")
    studio.open_only("Review")
    studio.wait("the images are ranked", lambda: ranked(studio), 3 * _MINUTE)
    studio.take("review")
    only_layer(studio, "pseudo-labels")
    studio.take("pseudo-labels")
    only_layer(studio, "confidence mask")
    studio.take("confidence-mask")
    only_layer(studio, "instances")


def ranked(studio: Studio) -> bool:
    """Whether all images have been looked at."""
    ranking = studio.desk.reviewing.ranking
    return bool(ranking.queue) and not ranking.busy


def only_layer(studio: Studio, name: str) -> None:
    """Show one of the model's layers, and make it the active one."""
    for layer in studio.viewer.layers:
        if layer.name in ("instances", "pseudo-labels", "confidence mask"):
            layer.visible = layer.name == name
    studio.viewer.layers.selection.active = studio.viewer.layers[name]


def export(studio: Studio) -> None:
    """Write the results of all images."""
    exporting = studio.desk.exporting
    studio.open_only("Export")
    studio.press("Export", "Export")
    studio.wait("files are there", lambda: exporting.view.folder, 3 * _MINUTE)
    studio.take("export")


def in_light(studio: Studio) -> None:
    """The step of labelling in napari's other theme."""
    studio.viewer.theme = "light"
    studio.open_only("Annotate")
    studio.take("light")


def main() -> None:
    """Take the pictures."""
    options = _parse()
    # The settings of napari that its user has stay as they are, out of the pictures.
    os.environ["NAPARI_CONFIG"] = ""
    wanted = frozenset(options.only or NAMES)
    with tempfile.TemporaryDirectory() as spare:
        kept = (options.project or Path(spare) / "kept").resolve()
        trained = (kept / PROJECT / FILE_NAME).exists() and model_in_use(kept / PROJECT)
        studio = Studio(options.folder, wanted)
        if not trained or wanted & set(BEFORE):
            # What is trained already is looked at later, not begun anew.
            begin(studio, Path(spare) / "again" if trained else kept)
            annotate(studio)
            if "train-setup" in wanted:
                set_up(studio)
        if not trained and wanted - set(BEFORE):
            train(studio, options.steps)
        if wanted & set(AFTER):
            studio.desk.session.close()
            # Corrections are made in a copy: the next call finds the project as it was.
            shutil.copytree(kept, Path(spare) / "review")
            studio.dock.open_project(Path(spare) / "review" / PROJECT)
            review(studio)
            if wanted & {"export", "light"}:
                export(studio)
                in_light(studio)
        studio.viewer.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME")
    parser.add_argument("--project", type=Path, help="keep the project here")
    parser.add_argument("--steps", type=int, default=_STEPS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
