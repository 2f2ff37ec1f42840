"""The images most worth a look, in order, and the way to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar, QTreeWidget, QTreeWidgetItem

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.widgets.buttons import allow, button, note

if TYPE_CHECKING:
    from qtpy.QtWidgets import QVBoxLayout

    from napari_semiseg.viewer.desk import Desk

_SHOWN = 8  # Images in the list; the user wants the first ones.
_ID = Qt.ItemDataRole.UserRole


class QueueRows:
    """Rows of the review panel: rank, the first images, the next one."""

    def __init__(self, desk: Desk, rows: QVBoxLayout) -> None:
        self._desk = desk
        ranking = desk.reviewing.ranking
        self.rank = button(
            "Look through all images",
            "Let the model look at every image and tell how sure it is of it. This "
            "takes a while; you can go on meanwhile.",
            ranking.rank,
        )
        self.cancel = button("Cancel", "Stop looking.", ranking.cancel)
        self.next = button(
            "Next image",
            "Show the image that the model is least sure of: labelling a tile there "
            "teaches it most.",
            ranking.go_next,
            key=KEYS["next image"].shown,
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.words = note()
        self.list = _image_list()
        self.list.itemClicked.connect(self._on_clicked)
        self.list.itemActivated.connect(self._on_clicked)
        for widget in (
            self.next,
            self.words,
            self.list,
            self.bar,
            self.rank,
            self.cancel,
        ):
            rows.addWidget(widget)

    def refresh(self) -> None:
        """Show how things stand now."""
        ranking = self._desk.reviewing.ranking
        reason = ranking.why_not()
        allow(self.rank, reason)
        allow(self.next, reason)
        self.rank.setVisible(not ranking.busy)
        self.cancel.setVisible(ranking.busy)
        done, total = ranking.progress
        self.bar.setVisible(ranking.busy)
        # Without a number it moves: the model is being loaded.
        self.bar.setRange(0, total if done else 0)
        self.bar.setValue(done)
        if ranking.busy:
            words = f"{done} of {total} images" if done else "Starting ..."
        elif reason is not None:
            words = reason
        else:
            words = _queue_words(len(ranking.queue))
        self.words.setText(words)
        self._fill()

    def _fill(self) -> None:
        project = self._desk.session.project
        ranking = self._desk.reviewing.ranking
        names = {item.id: item.name for item in project.images} if project else {}
        finished = ranking.finished()
        order = [
            one for one in ranking.queue.in_order(finished) if one.image_id in names
        ]
        self.list.setVisible(bool(order))
        self.list.clear()
        for one in order[:_SHOWN]:
            reason = one.reason
            if one.image_id in finished:
                reason += ", labelled"
            entry = QTreeWidgetItem([names[one.image_id], reason])
            entry.setData(0, _ID, one.image_id)
            number = "" if one.n_objects is None else f"{one.n_objects} objects. "
            words = f"{number}{one.problem}".strip()
            entry.setToolTip(0, names[one.image_id])
            entry.setToolTip(1, words or one.reason)
            self.list.addTopLevelItem(entry)
        self.list.setFixedHeight(_height(self.list))

    def _on_clicked(self, entry: QTreeWidgetItem, _column: int = 0) -> None:
        self._desk.reviewing.ranking.go(entry.data(0, _ID))


def _queue_words(known: int) -> str:
    if not known:
        return "Leads to the image that the model is least sure of."
    return "The least sure come first; percent: how sure the model is of its objects."


def _height(images: QTreeWidget) -> int:
    """Of a list that shows all its rows."""
    header = images.header()
    head = 0 if header is None else header.sizeHint().height()
    rows = images.topLevelItemCount()
    return head + rows * images.sizeHintForRow(0) + 2 * images.frameWidth() + 2


def _image_list() -> QTreeWidget:
    made = QTreeWidget()
    made.setColumnCount(2)
    made.setHeaderLabels(["image", "the model is"])
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setToolTip("Click an image to see it.")
    made.setAccessibleName("Images to check")
    header = made.header()
    if header is None:
        return made
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, header.ResizeMode.Stretch)
    header.setSectionResizeMode(1, header.ResizeMode.ResizeToContents)
    return made
