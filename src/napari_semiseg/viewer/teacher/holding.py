"""Whether the mouse is held down on a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator


class Holding(QObject):
    """Follows the mouse on layers whose ``mouse_drag_callbacks`` hold :meth:`hold`.

    Attributes
    ----------
    held
        Whether the mouse is down on one of them.
    """

    settled = Signal()
    """The mouse was released, or `soon` was called, and napari is done with it."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.held = False
        # Only after napari has dealt with a release is the stroke known.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.settled)

    def soon(self) -> None:
        """Emit `settled` when what is under way is done."""
        self._later.start(0)

    def stop(self) -> None:
        """Emit nothing any more."""
        self._later.stop()

    def hold(self, _layer: Any, event: Any) -> Iterator[None]:
        """The callback of a drag; napari advances it at each movement."""
        self.held = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self.held = False
            self.soon()
