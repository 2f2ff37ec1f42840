"""Accepting, rejecting and giving back objects; what else is shown of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.tools.tool_grid import ToolGrid
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.fold import Fold

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.review.object_tool import Clicking
    from napari_semiseg.viewer.widgets.panel import Panel

_SURE = 4000  # Milliseconds in which a second press means it.
_TOOLS = "Split, merge, erase, grow ..."
_EVERY = "All in image"
_OF_OBJECTS = (
    "Point at an object: {} if it is right, {} if it is none. Or press a button, then "
    "click objects."
)
_OUTLINES = (
    "To change an outline, choose the layer instances in the list of layers, then "
    "paint or erase."
)
_OF_CLASSES = (
    "Press a class above, then paint where the model is wrong. Or point at a piece: {} "
    "if its class is right, {} if it is background."
)


class ObjectRows(QObject):
    """Rows of the review panel about the objects in the image."""

    def __init__(self, desk: Desk, panel: Panel) -> None:
        super().__init__(panel)
        self._desk = desk
        self._rows = panel.rows
        self._sure = QTimer(self)
        self._sure.setSingleShot(True)
        self._sure.timeout.connect(self._unsure)
        self._add_objects()
        self._add_layers()

    def refresh(self) -> None:
        """Show how things stand now."""
        self._show_objects()
        self._show_layers()

    def close(self) -> None:
        """Stop the clock."""
        self._sure.stop()
        self.tools.close_grid()

    def _add(self, *widgets: QWidget) -> None:
        for widget in widgets:
            self._rows.addWidget(widget)

    def _add_objects(self) -> None:
        reviewing = self._desk.reviewing
        self._hint = note()
        self._hint.setToolTip(_OUTLINES)
        self._accept = self._clicker(
            "Accept",
            "accept object",
            "accept",
            "Press, then click objects that are right: they become yours, and train.",
        )
        self._reject = self._clicker(
            "Reject",
            "reject",
            "reject",
            "Press, then click objects that are none: they become background.",
        )
        self._accept_tile = button(
            "Accept tile",
            "Make the tile in hand (else one around the cursor) a finished tile with "
            "the objects as you see them. Check all of them first.",
            reviewing.accept_tile,
            key=KEYS["accept tile"].shown,
        )
        self._needs_work = button(
            "Needs work",
            "Too much is wrong here? Make the place at the cursor, or in the middle of "
            "the view, a tile to label in step 2. Once more undoes it.",
            reviewing.needs_work.toggle,
            key=KEYS["needs work"].shown,
        )
        self._back_object = button(
            "Of one object",
            "Point at an object of yours and press this key: the model decides again.",
            self._explain_give_back,
            key=KEYS["give back"].shown,
        )
        self._back_view = button(
            "In view",
            "Forget the corrections in the part of the image that you see.",
            reviewing.give_back_view,
        )
        self._back_image = button(
            _EVERY, "Forget all corrections of this image.", self._give_back_image
        )
        self._why_not, self.done = note(), note()
        self._add(self._hint, row(self._accept, self._reject))
        self._add(row(self._accept_tile, self._needs_work))
        self.tools = ToolGrid(self._desk.tools, "model", folded=_TOOLS)
        self._add(self.tools)
        self._add(self.done, self._why_not)
        back = _column(self._back_object, row(self._back_view, self._back_image))
        forget = Fold("Forget my corrections", back)
        forget.set_tip("Let the model decide again, where you decided before.")
        self._add(forget)

    def _clicker(
        self, text: str, key: str, clicking: Clicking, tip: str
    ) -> QPushButton:
        made = button(text, tip, lambda: self._toggle(clicking), key=KEYS[key].shown)
        made.setCheckable(True)
        return made

    def _toggle(self, clicking: Clicking) -> None:
        tool = self._desk.reviewing.tool
        tool.take(None if tool.clicking == clicking else clicking)
        self._show_objects()

    def _explain_give_back(self) -> None:
        key = KEYS["give back"].shown
        self._desk.session.say(f"Point at an object in the image and press {key}.")

    def _show_objects(self) -> None:
        keys = {name: KEYS[name].shown for name in ("accept object", "reject")}
        hint = _OF_CLASSES if self._desk.palette.semantic else _OF_OBJECTS
        self._hint.setText(hint.format(*keys.values()))
        reviewing = self._desk.reviewing
        reason = reviewing.why_not()
        for control in (
            self._accept,
            self._reject,
            self._accept_tile,
            self._back_object,
            self._back_view,
            self._back_image,
        ):
            allow(control, reason)
        allow(self._needs_work, reviewing.needs_work.why_not())
        semantic = self._desk.palette.semantic
        self.tools.allow(self._desk.tools.why_not_on_model(), of_classes=semantic)
        self._accept.setChecked(reviewing.tool.clicking == "accept")
        self._reject.setChecked(reviewing.tool.clicking == "reject")
        self.done.setText(reviewing.feedback.words)
        self.done.setVisible(bool(self.done.text()))
        self._why_not.setText(reason or "")
        self._why_not.setVisible(reason is not None)

    def _give_back_image(self) -> None:
        """Needs two presses: it takes all work on an image back."""
        if self._sure.isActive():
            self._unsure()
            self._desk.reviewing.give_back_image()
            return
        self._back_image.setText("Really all?")
        self._sure.start(_SURE)

    def _unsure(self) -> None:
        self._sure.stop()
        self._back_image.setText(_EVERY)

    def _add_layers(self) -> None:
        teacher = self._desk.teacher
        self._show = button(
            "Show or hide",
            "Show or hide the model's layers; those that were removed from the list of "
            f"layers come back. Hold {KEYS['peek'].shown} to see the bare image.",
            self._desk.reviewing.peeking.toggle,
            key=KEYS["teacher layers"].shown,
        )
        self._confidence = _check(
            "Confidence", "How sure the model is of each pixel, 0 to 1, as a layer."
        )
        self._owners = _check(
            "Whose", "Who decided about each pixel, as a layer: the model or you."
        )
        self._outlines = _check("Outlines", "Draw objects as outlines, not filled.")
        self._confidence.clicked.connect(teacher.show_confidence)
        self._owners.clicked.connect(teacher.show_owners)
        self._outlines.clicked.connect(self._on_outlines)
        shown = row(self._confidence, self._owners, self._outlines)
        layers = Fold("Layers of the model", _column(self._show, shown))
        layers.set_tip("What else is shown of what the model sees.")
        self._add(layers)

    def _on_outlines(self, on: bool) -> None:
        refusal = self._desk.teacher.show_outlines(on)
        if refusal:
            self._outlines.setChecked(False)
            self._desk.session.say(refusal)

    def _show_layers(self) -> None:
        ready = self._desk.teacher.ready
        reason = None if ready else "Choose an image in step 1 first."
        for control in (self._show, self._confidence, self._owners, self._outlines):
            allow(control, reason)


def _column(*widgets: QWidget) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(8, 0, 0, 4)
    column.setSpacing(4)
    for widget in widgets:
        column.addWidget(widget)
    return made


def _check(text: str, tip: str) -> QCheckBox:
    made = QCheckBox(text)
    made.setToolTip(tip)
    return made
