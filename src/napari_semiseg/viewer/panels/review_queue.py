"""The images most worth a look, in order, and the way to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QProgressBar

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.reason_list import ReasonList

if TYPE_CHECKING:
    from qtpy.QtWidgets import QVBoxLayout

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.review.image_queue import QueuedImage

_SHOWN = 30  # Images in the list; nobody goes further down.
_DONE = "\N{CHECK MARK} "  # Before images in which the user has corrected something.


class QueueRows:
    """Rows of the review panel: rank, the first images, the next one."""

    def __init__(self, desk: Desk, rows: QVBoxLayout) -> None:
        self._desk = desk
        ranking = desk.reviewing.ranking
        self.rank = button(
            "Look through all images",
            "Let the model look at every image, as it is and turned, and tell what it "
            "is in doubt of. This takes a while; you can go on meanwhile.",
            ranking.rank,
        )
        self.cancel = button("Cancel", "Stop looking.", ranking.cancel)
        self.next = button(
            "Next image",
            "Show the tile that is most worth a look: correcting or labelling it "
            "teaches the model most.",
            ranking.go_next,
            key=KEYS["next image"].shown,
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.words = note()
        self.list = ReasonList("Images to check")
        self.list.chosen.connect(ranking.go)
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
        allow(self.next, ranking.why_not_next())
        self.rank.setVisible(not ranking.busy)
        self.cancel.setVisible(ranking.busy)
        done, total = ranking.progress
        self.bar.setVisible(ranking.busy)
        # Without a number it moves: the model is being loaded.
        self.bar.setRange(0, total if done else 0)
        self.bar.setValue(done)
        if ranking.busy:
            words = f"{done} of {total} images" if done else "Starting ..."
        else:
            words = self._words(reason)
        self.words.setText(words)
        self._fill()

    def _words(self, reason: str | None) -> str:
        queue = self._desk.reviewing.ranking.queue
        if queue.looked_at:
            return "Most doubtful first; percent: how sure the model is of its objects."
        if queue.reliable:
            return (
                "First those on which the stages of the training agreed least: label a "
                "tile there."
            )
        if len(queue):
            return "First those whose regions are far from the size expected."
        return reason or "Leads to the tile that the model doubts most."

    def _fill(self) -> None:
        project = self._desk.session.project
        ranking = self._desk.reviewing.ranking
        names = {item.id: item.name for item in project.images} if project else {}
        finished, corrected = ranking.finished(), ranking.corrected()
        order = [
            one for one in ranking.queue.in_order(finished) if one.image_id in names
        ]
        self.list.fill(
            _row(one, names[one.image_id], finished, corrected)
            for one in order[:_SHOWN]
        )


def _row(
    one: QueuedImage, name: str, finished: set[str], corrected: set[str]
) -> tuple[str, str, str, str]:
    """Id, name, reason and all that is known of an image."""
    reason, about = one.reason, one.about
    if one.image_id in finished:
        reason += ", labelled"
    if one.image_id in corrected:
        name, about = _DONE + name, f"{about} You have corrected objects in it."
    return one.image_id, name, reason, about
