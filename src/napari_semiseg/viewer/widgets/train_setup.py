"""Everything that is chosen before a run: edits one `TrainingChoice`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.runs.launch import FROM_SCRATCH
from napari_semiseg.viewer.training.run_words import duration_words
from napari_semiseg.viewer.training.training_choice import TrainingChoice
from napari_semiseg.viewer.widgets.buttons import allow, note
from napari_semiseg.viewer.widgets.cross_check import CrossCheck
from napari_semiseg.viewer.widgets.effort import EffortEdit
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.settings_form import SettingsForm
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_semiseg.learning.settings import Settings

_PRESETS = {
    "default": "default (for few tiles)",
    "paper": "paper (as published)",
}
_PRESET_TIP = (
    "default: values that suit 1 to 20 labelled tiles and minutes of training.\n"
    "paper: the published values, which may take days."
)
_START_TIP = (
    "Going on from an earlier model is quicker, and keeps the network of that model. "
    "From scratch forgets what was learned before."
)
_COMPARE_TIP = (
    "Did the unlabelled images help? Train a second time, from the labels alone, with "
    "the same tiles and as many steps, and show both scores. Takes twice as long; both "
    "start from scratch, so that neither begins ahead."
)
_BOTH_FROM_SCRATCH = (
    "A comparison starts both trainings from scratch, so that neither begins ahead."
)
_FROM_SCRATCH = "This method always starts from scratch, to be compared with."
_ALONE = "This method learns from the labels alone already."

_FEW_STEPS = 200  # The shortest trainings that were measured.


class TrainSetup(QWidget):
    """Edits one `TrainingChoice`; ``settings`` are those it stands for."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seconds_per_step: float | None = None
        # What is wished for; it may not be among what is known yet.
        self._device, self._start = "auto", "last"
        self.method = _combo("How the program learns")
        for name, method in METHODS.items():
            self.method.addItem(method.settings.title, name)
        self._about = note()
        self.preset = _combo(_PRESET_TIP)
        for name, words in _PRESETS.items():
            self.preset.addItem(words, name)
        self.effort = EffortEdit()
        self._estimate = note()
        self.begin_with = _combo(_START_TIP)
        self.device = _combo("What computes: a GPU is about ten times faster")
        self.compare = QCheckBox("Compare with labels alone")
        self.compare.setToolTip(_COMPARE_TIP)
        self.check = CrossCheck()
        self.form = SettingsForm(leave_out={"name", "preset", "steps"})
        self._advanced = Fold("advanced", self.form)
        self._advanced.set_tip("Every setting of this method")
        self.show_models([], has_model=False)
        self.show_devices([], None)
        self._lay_out()
        self.setValue(TrainingChoice())
        self.method.currentIndexChanged.connect(self._take_preset)
        self.preset.currentIndexChanged.connect(self._take_preset)
        self.effort.valueChanged.connect(self._note_change)
        self.form.valueChanged.connect(self._note_change)
        self.begin_with.currentIndexChanged.connect(self._choose_place)
        self.device.currentIndexChanged.connect(self._choose_place)
        self.compare.toggled.connect(self._note_change)
        self.check.toggled.connect(self._note_change)

    @property
    def settings(self) -> Settings:
        """What the method is to be run with."""
        found: Settings = self.form.value()
        return found.model_copy(update={"steps": self.effort.steps})

    def value(self) -> TrainingChoice:
        """The choice."""
        return TrainingChoice.of(
            self.settings,
            minutes=self.effort.minutes,
            device=self.device.currentData(),
            start=self.begin_with.currentData(),
            compare=self.compare.isEnabled() and self.compare.isChecked(),
            cross_validate=self.check.value(),
        )

    def setValue(self, choice: TrainingChoice) -> None:
        """Show a choice; nothing is emitted."""
        self.blockSignals(True)
        settings = choice.settings()
        _choose(self.method, choice.method)
        _choose(self.preset, choice.preset)
        self.form.setValue(settings, make_settings(choice.method, choice.preset))
        self.effort.set_value(choice.minutes, settings.steps)
        self._device, self._start = choice.device, choice.start
        _choose(self.device, choice.device)
        _choose(self.begin_with, choice.start)
        self.compare.setChecked(choice.compare)
        self.check.setValue(choice.cross_validate)
        self._show()
        self.blockSignals(False)

    def show_devices(
        self, devices: Iterable[tuple[str, str]], default: str | None
    ) -> None:
        """Offer devices, each a name and words; ``default`` None: not known yet."""
        known = list(devices)
        which = dict(known).get(default or "", "not known yet")
        automatic = ("auto", f"automatic ({which})")
        _refill(self.device, [automatic, *known], self._device)

    def show_models(self, runs: Sequence[tuple[str, str]], *, has_model: bool) -> None:
        """Offer models to go on from, each a run's id and words."""
        used = "the model in use" if has_model else "scratch (no model in use)"
        places = [("last", used)]
        if has_model:
            places.append(("scratch", "scratch"))
        _refill(self.begin_with, [*places, *runs], self._start)

    def show_ground(self, n_validation: int, n_folds: int) -> None:
        """Offer a cross-validation where no validation tile can judge the model."""
        self.check.show_ground(n_validation, n_folds)
        self._show_estimate()

    def show_pace(self, seconds_per_step: float | None) -> None:
        """Say how long it will take, or how much is done in that time."""
        self._seconds_per_step = seconds_per_step
        self._show_estimate()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addRow("method", self.method)
        rows.addRow(self._about)
        rows.addRow("preset", self.preset)
        rows.addRow("effort", self.effort)
        rows.addRow(self._estimate)
        rows.addRow("start from", self.begin_with)
        rows.addRow("device", self.device)
        rows.addRow(self.compare)
        rows.addRow(self.check)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(rows)
        column.addWidget(self._advanced)

    def _take_preset(self) -> None:
        method, preset = self.method.currentData(), self.preset.currentData()
        settings = make_settings(method, preset)
        self.form.setValue(settings, settings)
        # The published number of steps is part of what was published.
        minutes = None if settings.preset == "paper" else self.effort.minutes or 5
        self.effort.set_value(minutes, settings.steps)
        self._note_change()

    def _choose_place(self) -> None:
        self._device = self.device.currentData()
        self._start = self.begin_with.currentData()
        self._note_change()

    def _note_change(self) -> None:
        self._show()
        self.valueChanged.emit()

    def _show(self) -> None:
        name = self.method.currentData()
        self._about.setText(METHODS[name].settings.sentence)
        n_changed = self.form.n_changed
        self._advanced.set_title(
            f"advanced ({n_changed} changed)" if n_changed else "advanced"
        )
        alone = name in FROM_SCRATCH
        allow(self.compare, _ALONE if alone else None)
        why_not: str | None = _BOTH_FROM_SCRATCH if self.compare.isChecked() else None
        allow(self.begin_with, _FROM_SCRATCH if alone else why_not)
        self._show_estimate()

    def _show_estimate(self) -> None:
        pace, minutes = self._seconds_per_step, self.effort.minutes
        # With its check a run makes as many times its steps as there are folds.
        parts = self.check.n_folds if self.check.value() else 1
        if pace is None:
            words = "How fast this computer is will be measured in the first minute."
            if minutes is None:
                words = "How long that takes is told in the first minute."
        elif minutes is None:
            seconds = parts * self.effort.steps * pace
            words = f"About {duration_words(seconds)} on this computer."
        else:
            steps = max(1, round(60 * minutes / pace / parts))
            more = "" if parts == 1 else f", and {(parts - 1) * steps:,} to check it"
            words = f"About {steps:,} steps on this computer{more}."
            if steps < _FEW_STEPS:
                words += " That is little: give it more time."
        if self.compare.isEnabled() and self.compare.isChecked():
            words += (
                " Then as many steps from the labels alone, which takes as long again; "
                "both start from scratch."
            )
        self._estimate.setText(words)


def _combo(tip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tip)
    box.setMinimumWidth(40)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    guard_wheel(box)
    return box


def _refill(box: QComboBox, entries: Sequence[tuple[str, str]], chosen: str) -> None:
    box.blockSignals(True)
    box.clear()
    for key, words in entries:
        box.addItem(words, key)
    _choose(box, chosen)
    box.blockSignals(False)


def _choose(box: QComboBox, key: str) -> None:
    """Choose an entry, the first where there is none of this key."""
    box.setCurrentIndex(max(0, box.findData(key)))
