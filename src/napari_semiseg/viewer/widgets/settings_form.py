"""A form for any settings model, made from its fields alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_semiseg.viewer.widgets.bounds_edit import BoundsEdit
from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.field_kinds import kind_of, words_of
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.value_edits import edit_for

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from napari_semiseg.viewer.widgets.field_kinds import FieldWords

_CHANGED = "\N{BULLET} "  # Before the label of what differs from the preset.


class SettingsForm(QWidget):
    """Edits one settings value; what differs from its preset is marked.

    Parameters
    ----------
    leave_out
        Names of fields that are chosen elsewhere; they keep their values.
    """

    valueChanged = Signal()

    def __init__(
        self, leave_out: Collection[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._leave_out = frozenset(leave_out)
        self._value: BaseModel | None = None
        self._usual: BaseModel | None = None
        self._group: _Group | None = None
        self._classes: tuple[str, ...] = ()
        self._problem = note()
        self._problem.setVisible(False)
        self.reset_button: QPushButton = button(
            "Back to the preset", "Undo all changes made here", self.reset
        )
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self._problem)
        self._column.addWidget(self.reset_button)

    def value(self) -> Any:
        """The settings; the last valid ones while a value is refused."""
        return self._value

    def setValue(self, value: BaseModel, usual: BaseModel) -> None:
        """Show settings; nothing is emitted.

        Parameters
        ----------
        value
            The settings; another class of them makes another form.
        usual
            Of the same class: what changes are measured by, and reset to.
        """
        if self._group is None or type(value) is not type(self._value):
            self._build(type(value))
        self._value, self._usual = value, usual
        if self._group is not None:
            self._group.set_value(value)
        self._problem.setVisible(False)
        self._mark()

    def set_classes(self, names: Sequence[str]) -> None:
        """Offer these classes where something is set for each; nothing is emitted."""
        self._classes = tuple(names)
        for edit in self.findChildren(BoundsEdit):
            edit.set_names(self._classes)

    @property
    def n_changed(self) -> int:
        """How many values differ from the usual ones."""
        if self._group is None or self._value is None or self._usual is None:
            return 0
        return self._group.mark(self._value, self._usual)

    def reset(self) -> None:
        """Take the usual values, but for the fields that are left out."""
        if self._value is None or self._usual is None:
            return
        kept = {name: getattr(self._value, name) for name in self._left_out()}
        self.setValue(self._usual.model_copy(update=kept), self._usual)
        self.valueChanged.emit()

    def edit(self, *path: str) -> Any:
        """The widget of a field, by its names from the outermost group on."""
        found: Any = self._group
        for name in path:
            found = found.edits[name]
        return found

    def _left_out(self) -> list[str]:
        fields = type(self._value).model_fields if self._value else {}
        return [name for name in fields if name in self._leave_out]

    def _build(self, model: type[BaseModel]) -> None:
        if self._group is not None:
            self._group.setParent(None)
            self._group.deleteLater()
        self._group = _Group(model, self._leave_out)
        self._group.changed.connect(self._take)
        self._column.insertWidget(0, self._group)
        self.set_classes(self._classes)

    def _take(self) -> None:
        if self._group is None or self._value is None:
            return
        kept = {name: getattr(self._value, name) for name in self._left_out()}
        try:
            value = type(self._value).model_validate({**self._group.value(), **kept})
        except ValidationError as error:
            first = error.errors()[0]
            place = " ".join(map(str, first["loc"])).replace("_", " ")
            self._problem.setText(f"{place or 'These values'}: {first['msg']}.")
            self._problem.setVisible(True)
            return
        self._problem.setVisible(False)
        self._value = value
        self._mark()
        self.valueChanged.emit()

    def _mark(self) -> None:
        why_not = None if self.n_changed else "Nothing differs from the preset."
        allow(self.reset_button, why_not)


class _Group(QWidget):
    """The rows of one model; models in it are groups of their own, folded away."""

    changed = Signal()

    def __init__(self, model: type[BaseModel], leave_out: Collection[str] = ()) -> None:
        super().__init__()
        self.edits: dict[str, Any] = {}
        self._labels: dict[str, tuple[QLabel, FieldWords]] = {}
        self._folds: dict[str, tuple[Fold, str]] = {}
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(8, 0, 0, 4)
        self._rows.setSpacing(4)
        self._rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._rows.setFieldGrowthPolicy(
            QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        )
        for name, found in model.model_fields.items():
            if name not in leave_out:
                self._add(name, found)

    def value(self) -> dict[str, Any]:
        """Nested values by name."""
        return {name: edit.value() for name, edit in self.edits.items()}

    def set_value(self, value: BaseModel) -> None:
        """Show the values of a model."""
        for name, edit in self.edits.items():
            edit.set_value(getattr(value, name))

    def mark(self, value: BaseModel, usual: BaseModel) -> int:
        """Mark what differs; return how many values do."""
        total = 0
        for name, edit in self.edits.items():
            mine, theirs = getattr(value, name), getattr(usual, name)
            if isinstance(edit, _Group):
                n = edit.mark(mine, theirs)
                fold, title = self._folds[name]
                fold.set_title(f"{_CHANGED}{title} ({n} changed)" if n else title)
            else:
                n = int(mine != theirs)
                self._mark_label(name, theirs, differs=bool(n))
            total += n
        return total

    def _add(self, name: str, found: FieldInfo) -> None:
        kind, words = kind_of(found), words_of(name, found)
        if kind.model is not None:
            group = _Group(kind.model)
            fold = Fold(words.label, group)
            fold.set_tip(words.about or (kind.model.__doc__ or "").split("\n")[0])
            self._folds[name] = fold, words.label
            self._rows.addRow(fold)
            edit: Any = group
        else:
            label = QLabel(words.label)
            self._labels[name] = label, words
            edit = edit_for(kind, words.unit)
            label.setBuddy(edit)
            for part in (edit, *edit.findChildren(QWidget)):
                part.setToolTip(part.toolTip() or words.about)
            edit.setAccessibleName(words.label)
            self._rows.addRow(label, edit)
        edit.changed.connect(self.changed)
        self.edits[name] = edit

    def _mark_label(self, name: str, usual: Any, *, differs: bool) -> None:
        label, words = self._labels[name]
        label.setText(_CHANGED + words.label if differs else words.label)
        font = label.font()
        font.setBold(differs)
        label.setFont(font)
        label.setToolTip(f"{words.about}\nIn the preset: {_shown(usual)}".strip())


def _shown(value: Any) -> str:
    """A value as a person writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "not set" if value is None else str(value)
