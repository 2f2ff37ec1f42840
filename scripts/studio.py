"""napari with the dock, hands to press its buttons, and a camera."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QCheckBox, QPushButton, QScrollArea

from napari_semiseg.demo import drawn_samples
from napari_semiseg.viewer.canvas import camera_of, canvas_size
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_semiseg.project.records import ImageItem

WINDOW = (1320, 900)
_MOST_BYTES = 200_000


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
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        form, scope = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        QSettings.setPath(form, scope, self._home.name)  # Not those of the user.
        self.viewer = napari.Viewer(title="napari-semiseg")
        self.window: QWidget = self.viewer.window._qt_window  # noqa: SLF001
        self.window.resize(*WINDOW)
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

    def tick(self, step: str, text: str) -> None:
        """Click the check box of a step with this text."""
        boxes = self.dock.panel(step).findChildren(QCheckBox)
        next(box for box in boxes if box.text() == text).click()
        self.rest(0.3)

    def show_help(self, on: bool) -> None:
        """Show, or hide, what explains each step to who sees it first."""
        for step in self.dock.steps:
            step.set_help(on)
        self.rest(0.3)

    def open_only(self, *titles: str) -> None:
        """Open these steps, close the others, and scroll to the first of them."""
        for step in self.dock.steps:
            step.set_open(step.panel.title in titles)
        self.rest(0.3)
        if titles:
            first = next(s for s in self.dock.steps if s.panel.title == titles[0])
            self.scroll_to(first)

    def scroll_to(self, widget: QWidget) -> None:
        """Bring a part of the dock into its window."""
        scroll = self.dock.findChild(QScrollArea)
        if scroll is not None:
            scroll.ensureWidgetVisible(widget, 0, 0)
        self.rest(0.2)

    def show(self, name: str) -> ImageItem:
        """Put an image of the project in view."""
        item = next(i for i in self.desk.session.opened.images if i.name == name)
        self.desk.images.show(item)
        self.wait(f"{name} is in view", lambda: self.desk.session.item == item)
        self.rest(0.3)
        return item

    def hover(self, pixel: Sequence[float]) -> None:
        """Put the cursor over a pixel (y, x) of the image in view."""
        camera, size = camera_of(self.viewer), np.array(canvas_size(self.viewer))
        world = np.array(self.desk.session.placement.to_world(pixel))
        y, x = (world - np.array(camera.center)[-2:]) * camera.zoom + size / 2
        self._point(round(x), round(y))

    def put_away(self) -> None:
        """Put the cursor into the corner of the canvas, beside the image."""
        height, width = canvas_size(self.viewer)
        self._point(width - 3, height - 3)

    def take(self, name: str) -> None:
        """Save a picture of the whole window."""
        if name not in self.wanted:
            return
        self.rest(0.6)
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        path = self.folder / f"{name}.png"
        save_small(pixels, path)
        print(f"{path} ({path.stat().st_size // 1000} kB)", flush=True)

    def _point(self, x: int, y: int) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native  # noqa: SLF001
        QTest.mouseMove(canvas, QPoint(x, y))
        self.rest(0.2)


def save_small(pixels: Any, path: Path) -> None:
    """Write a picture with as many colours as the size of the file allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    for colours in (256, 128, 64):
        small = picture.quantize(
            colours,
            method=Image.Quantize.MAXCOVERAGE,
            kmeans=2,
            dither=Image.Dither.NONE,
        )
        small.save(path, optimize=True)
        if path.stat().st_size < _MOST_BYTES:
            return
