"""Objects of the model that gave way to the person's, and how soon one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_semiseg.project.owners import overlap_of
from napari_semiseg.viewer.canvas import look_at
from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.widgets.buttons import note
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from napari_semiseg.project.owners import Conflict
    from napari_semiseg.viewer.desk import Desk

_ROWS = 4  # Shown without scrolling.
_SHARE = 0.3  # Of the canvas that the object fills after a click.
_WHY = (
    "An object of the model that lies too far on pixels you decided about is left out "
    "as a whole: no sliver or ring of it stays. These are the ones of which much was "
    "left. To have one back, give your objects there back, or draw it yourself."
)


class ConflictRows(Fold):
    """The conflicts of the image in view; hidden while there are none."""

    def __init__(self, desk: Desk) -> None:
        content = QWidget()
        super().__init__("", content)
        self._desk = desk
        self._shown: tuple[Conflict, ...] = ()
        self.list = QListWidget()
        self.list.setAccessibleName("Objects of the model that gave way to yours")
        self.list.setToolTip("Click one to go there.")
        self.list.itemClicked.connect(self._go)
        self.list.itemActivated.connect(self._go)
        self.overlap = _percent_box()
        self.overlap.editingFinished.connect(self._set_overlap)
        words = note()
        words.setText(_WHY)
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        for widget in (words, self.list, _labelled(self.overlap)):
            column.addWidget(widget)
        self.set_tip(_WHY)

    def refresh(self) -> None:
        """Show how things stand now."""
        project = self._desk.session.project
        found = () if project is None else self._desk.teacher.conflicts
        self.setVisible(bool(found))
        self.overlap.setEnabled(self._desk.session.writable)
        if project is not None and not self.overlap.hasFocus():
            self.overlap.setValue(round(100 * overlap_of(project.settings)))
        if found == self._shown:
            return  # Else the list would scroll back under the user's hand.
        self._shown = found
        many = counted(len(found), "object")
        self.set_title(f"{many} of the model gave way to yours")
        self.list.clear()
        for one in found:
            entry = QListWidgetItem(_sentence(one))
            entry.setToolTip(_sentence(one))
            self.list.addItem(entry)
        row = max(1, self.list.sizeHintForRow(0))
        height = min(_ROWS, len(found)) * row + 2 * self.list.frameWidth()
        self.list.setFixedHeight(height)

    def _go(self, entry: QListWidgetItem) -> None:
        """Move the camera to an object."""
        box = self._shown[self.list.row(entry)].box
        look_at(self._desk.viewer, self._desk.session.placement, box, _SHARE)

    def _set_overlap(self) -> None:
        session, share = self._desk.session, self.overlap.value() / 100
        project = session.project
        if project is None or share == overlap_of(project.settings):
            return
        project.update_settings(overlap=share)
        self._desk.teacher.set_rules(overlap=share)


def _sentence(one: Conflict) -> str:
    """Where it is, and to what it gave way."""
    if len(one.human_ids) > 1:
        whose = f"your objects {', '.join(map(str, one.human_ids))}"
    elif one.human_ids:
        whose = f"your object {one.human_ids[0]}"
    else:
        whose = "your background"
    middle = tuple(
        o + s // 2 for o, s in zip(one.box.origin, one.box.size, strict=True)
    )
    place = ", ".join(map(str, middle))
    return f"{one.share:.0%} taken by {whose} (at {place})"


def _percent_box() -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, 100)
    made.setSuffix(" %")
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.setAccessibleName("Overlap from which an object of the model gives way")
    made.setToolTip(
        "An object of the model of which you took more than this share is left out "
        "as a whole, here and in exported masks."
    )
    guard_wheel(made)
    return made


def _labelled(box: QSpinBox) -> QWidget:
    line = QWidget()
    rows = QHBoxLayout(line)
    rows.setContentsMargins(0, 0, 0, 0)
    label = QLabel("Gives way above")
    label.setToolTip(box.toolTip())
    rows.addWidget(label)
    rows.addWidget(box)
    return line
