"""How many images were reviewed, as a small bar; the line of fact says it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QProgressBar

if TYPE_CHECKING:
    from napari_semiseg.project.reviews import ReviewProgress

_TIP = (
    "{}.\nReviewed are images in which you have accepted, corrected or rejected "
    "something, or finished a tile. The time is that in which you painted, clicked and "
    "pressed keys."
)
_HEIGHT = 8  # Pixels of the bar.


class ReviewProgressBar(QProgressBar):
    """Hidden until there is anything to count."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(_HEIGHT)
        self.setAccessibleName("Images reviewed")
        self.show_progress(None)

    def show_progress(self, progress: ReviewProgress | None) -> None:
        """Show how far the review is; None: nobody knows."""
        self.setVisible(progress is not None)
        if progress is not None:
            self.setToolTip(_TIP.format(progress.words))
            self.setRange(0, max(1, progress.total))
            self.setValue(progress.reviewed)
