"""What a user feels: gaps of the event loop, and how long a stroke is on its way."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt, QTimer, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_semiseg.viewer.canvas import camera_of, canvas_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

    Place = tuple[Labels, Box]

_TICK = 10  # Milliseconds of the timer.
_RATE = 60  # Movements of the mouse a second,
_MOVES = 60  # in one stroke.
_BRUSH = 12  # Pixels.
_KINDS = {
    "press": QEvent.Type.MouseButtonPress,
    "move": QEvent.Type.MouseMove,
    "release": QEvent.Type.MouseButtonRelease,
}


@dataclass
class Times:
    """Milliseconds: gaps of the event loop; until a stroke is painted, and seen."""

    gaps: list[float] = field(default_factory=list)
    painted: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    refreshes: int = 0

    def __iadd__(self, other: Times) -> Times:
        self.gaps += other.gaps
        self.painted += other.painted
        self.seen += other.seen
        self.refreshes += other.refreshes
        return self

    def row(self, name: str) -> str:
        """One line of the table."""
        over = sum(gap > 100 for gap in self.gaps)
        columns = [name, _words(self.gaps), str(over), str(self.refreshes)]
        columns += [_words(self.painted), _words(self.seen)]
        return "| " + " | ".join(columns) + " |"


HEAD = (
    "| viewer | gaps p50/p95/p99/max, ms | gaps > 100 ms | refreshes | "
    "stroke painted p50/p95/p99/max, ms | stroke seen p50/p95/p99/max, ms |\n"
    "|---|---|---|---|---|---|"
)


def _words(values: Sequence[float]) -> str:
    if not values:
        return "-"
    numbers = [*np.percentile(values, (50, 95, 99)), max(values)]
    return " / ".join(f"{number:.0f}" for number in numbers)


class Gaps(QObject):
    """Measures how long a timer of 10 ms waits for the event loop."""

    def __init__(self, times: Times) -> None:
        super().__init__()
        self._times, self._before = times, 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Measure from now on."""
        self._before = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self._times.gaps.append(1000 * (now - self._before))
        self._before = now


class Painter(QObject):
    """Moves the mouse over the canvas from a thread, as fast as a hand does.

    Each movement is timed from its sending until the layer holds other pixels, and
    until the canvas has been drawn after that.
    """

    _next = Signal()

    def __init__(self, viewer: Viewer, times: Times) -> None:
        super().__init__()
        self._viewer, self._times = viewer, times
        self._canvas = self._viewer.window._qt_viewer.canvas.native
        self._sent: deque[float] = deque()
        self._painted: list[float] = []
        self._now = 0.0
        self._stopped = threading.Event()
        self._chosen = threading.Event()
        self._points: list[QPointF] = []
        self._rng = np.random.default_rng(0)
        self._layer: Labels | None = None
        self._box: Box | None = None
        self._next.connect(self._choose)
        self._canvas.installEventFilter(self)
        self._canvas.frameSwapped.connect(self._on_frame)

    def paint(self, layer: Labels, box: Box) -> None:
        """Paint in a box of a layer, in pixels of the image, which lies at 0."""
        if self._layer is not None:
            self._layer.events.labels_update.disconnect(self._on_update)
        self._layer, self._box = layer, box
        layer.events.labels_update.connect(self._on_update)
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"
        layer.brush_size = _BRUSH

    def start(self) -> None:
        """Make strokes of a second each, with pauses of a second."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._move, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the stroke under way."""
        self._stopped.set()
        wait_until(lambda: not self._thread.is_alive(), 60)
        wait(0.3)

    def close(self) -> None:
        """Let go of the canvas."""
        if self._layer is not None:
            self._layer.events.labels_update.disconnect(self._on_update)
        self._canvas.removeEventFilter(self)
        self._canvas.frameSwapped.disconnect(self._on_frame)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Note which movement is dealt with now."""
        if event is not None and event.type() in _KINDS.values() and self._sent:
            self._now = self._sent.popleft()
        return False

    def _choose(self) -> None:
        """Choose another label and the way of the next stroke; in the main thread."""
        layer, box = self._layer, self._box
        if layer is not None and box is not None:
            layer.selected_label = max(layer.selected_label, int(layer.data.max())) + 1
            ends = self._rng.uniform(0.1, 0.9, (2, 2)) * box.size + box.origin
            self._points = [self._on_canvas(p) for p in np.linspace(*ends, _MOVES)]
        self._chosen.set()

    def _on_canvas(self, pixel: NDArray[np.float64]) -> QPointF:
        camera = camera_of(self._viewer)
        middle = np.array(camera.center)[-2:]
        size = np.array(canvas_size(self._viewer))
        y, x = (pixel - middle) * camera.zoom + size / 2
        return QPointF(float(x), float(y))

    def _move(self) -> None:
        while not self._stopped.is_set():
            self._chosen.clear()
            self._next.emit()
            self._chosen.wait()
            points = self._points
            self._send("move", points[0], pressed=False)
            self._send("press", points[0], pressed=True)
            start = time.perf_counter()
            for number, point in enumerate(points[1:], start=1):
                time.sleep(max(0.0, start + number / _RATE - time.perf_counter()))
                self._send("move", point, pressed=True)
            self._send("release", points[-1], pressed=False)
            self._stopped.wait(1.0)

    def _send(self, kind: str, place: QPointF, *, pressed: bool) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        event = QMouseEvent(
            _KINDS[kind],
            place,
            place,
            none if kind == "move" else left,
            left if pressed else none,
            Qt.KeyboardModifier.NoModifier,
        )
        self._sent.append(time.perf_counter())
        QApplication.postEvent(self._canvas, event)

    def _on_update(self, _event: Any) -> None:
        if self._now:
            self._times.painted.append(1000 * (time.perf_counter() - self._now))
            self._painted.append(self._now)
            self._now = 0.0

    def _on_frame(self) -> None:
        now = time.perf_counter()
        self._times.seen += [1000 * (now - sent) for sent in self._painted]
        self._painted.clear()


def hand(viewer: Viewer, seconds: float, places: Sequence[Place]) -> Times:
    """Gaps and strokes, while each place is painted on for its share of the time."""
    times = Times()
    painter, gaps = Painter(viewer, times), Gaps(times)
    for layer, box in places:
        painter.paint(layer, box)
        wait(1)  # The controls of another layer come into view.
        gaps.start()
        painter.start()
        wait(seconds / len(places))
        gaps.stop()
        painter.stop()
    painter.close()
    return times


def wait(seconds: float) -> None:
    """Let the event loop run."""
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Let the event loop run until something holds; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"Nothing came within {seconds:g} s.")
        wait(0.05)
