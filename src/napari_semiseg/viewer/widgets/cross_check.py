"""Whether a model is cross-validated where no validation tile can judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_TIP = (
    "Trains {n} more times, each time without another part of your labelled tiles,\n"
    "and scores it on that part. So you learn how good the model is, and a worse one\n"
    "does not replace the one in use. The time that is set above is for all of it."
)
_TOO_FEW = "This needs two labelled tiles or more: label another one."


class CrossCheck(QCheckBox):
    """A box to tick; hidden where there are validation tiles."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offered = True
        self.n_folds = 0
        self.show_ground(0, 3)

    def value(self) -> bool:
        """Whether it is ticked, and offered."""
        return self.isChecked() and self._offered and self.n_folds > 1

    def setValue(self, value: bool) -> None:
        """Tick it or not; nothing is emitted."""
        self.blockSignals(True)
        self.setChecked(value)
        self.blockSignals(False)

    def show_ground(self, n_validation: int, n_folds: int) -> None:
        """Offer it, or not.

        Parameters
        ----------
        n_validation
            Number of validation tiles.
        n_folds
            How many trainings it would take.
        """
        self._offered, self.n_folds = n_validation == 0, n_folds
        self.setVisible(self._offered)
        number = n_folds if n_folds > 1 else 2
        self.setText(f"Check by cross-validation ({number} more trainings)")
        self.setEnabled(n_folds > 1)
        self.setToolTip(_TIP.format(n=number) if n_folds > 1 else _TOO_FEW)
