from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Len
from pydantic import BaseModel, ConfigDict, Field, model_validator
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
)

from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.viewer.widgets.field_kinds import kind_of
from napari_semiseg.viewer.widgets.settings_form import SettingsForm
from napari_semiseg.viewer.widgets.value_edits import SmallNumberBox, edit_for

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Inner(BaseModel):
    """What is inside."""

    model_config = ConfigDict(frozen=True)

    angle: Annotated[float, Interval(ge=0, le=180)] = Field(
        2 / 3, description="Largest turn, degrees"
    )
    decay: Annotated[float, Interval(ge=0, le=1)] | None = None


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str = "outer"
    rate: Annotated[float, Gt(0)] = Field(1e-5, description="A small number")
    size: Annotated[int, Interval(ge=32, le=1024), Field(multiple_of=32)] = 128
    low: Annotated[int, Ge(0)] = 1
    high: Annotated[int, Ge(0)] = 5
    kind: Literal["a", "b", 3] = "a"
    fast: bool = True
    word: Annotated[str, Field(min_length=1)] = "auto"
    weights: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (1.0, 4.0)
    inner: Inner = Inner()

    @model_validator(mode="after")
    def ordered(self) -> Outer:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm:
    made = SettingsForm(leave_out={"name"})
    qtbot.addWidget(made)
    made.setValue(Outer(name="kept"), Outer())
    return made


def box(form: SettingsForm, *path: str) -> Any:
    edit = form.edit(*path)
    return edit.findChild(QSpinBox) or edit.findChild(QDoubleSpinBox)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("method", METHODS)
def test_settings_of_every_method_go_in_and_out_unchanged(
    qtbot: QtBot, method: str, preset: Any
) -> None:
    form = SettingsForm(leave_out={"name", "preset"})
    qtbot.addWidget(form)
    settings = make_settings(method, preset)
    form.setValue(settings, settings)
    assert form.n_changed == 0
    form.edit("seed").set_value(7)
    form.edit("seed").changed.emit()
    assert form.value() == settings.model_copy(update={"seed": 7})
    assert type(form.value()) is type(settings)


def test_every_field_of_every_method_says_what_it_is() -> None:
    def check(model: type[BaseModel]) -> None:
        for name, found in model.model_fields.items():
            kind = kind_of(found)
            if kind.model is not None:
                assert kind.model.__doc__, name
                check(kind.model)
            elif name != "name":
                assert found.description, f"{model.__name__}.{name}"

    for method in METHODS.values():
        check(method.settings)


def test_bounds_units_and_choices(form: SettingsForm) -> None:
    size, angle, rate = (
        box(form, "size"),
        box(form, "inner", "angle"),
        box(form, "rate"),
    )
    assert (size.minimum(), size.maximum(), size.singleStep()) == (32, 1024, 32)
    assert (angle.minimum(), angle.maximum()) == (0, 180)
    assert angle.suffix() == "\N{DEGREE SIGN}"
    assert form.edit("inner", "angle").toolTip() == "Largest turn, degrees"
    assert rate.minimum() > 0
    assert rate.text() == "1e-05"
    combo = form.edit("kind").findChild(QComboBox)
    assert [combo.itemData(n) for n in range(combo.count())] == ["a", "b", 3]


def test_typed_values_come_out(form: SettingsForm, qtbot: QtBot) -> None:
    rate = box(form, "rate")
    rate.selectAll()
    with qtbot.waitSignal(form.valueChanged):
        qtbot.keyClicks(rate, "3e-4")
        qtbot.keyClick(rate, Qt.Key.Key_Return)
    assert form.value().rate == pytest.approx(3e-4)
    form.edit("kind").findChild(QComboBox).setCurrentIndex(2)
    assert form.value().kind == 3
    size = box(form, "size")
    size.setValue(100)
    assert form.value().size == 96
    assert size.value() == 96
    assert form.value().name == "kept"
    # What nobody touched is what it was, to the last bit.
    assert form.value().inner.angle == 2 / 3


def test_optional_value(form: SettingsForm) -> None:
    edit = form.edit("inner", "decay")
    assert form.value().inner.decay is None
    edit.findChild(QCheckBox).setChecked(True)
    assert form.value().inner.decay == 0
    edit.findChild(QCheckBox).setChecked(False)
    assert form.value().inner.decay is None


def test_changes_are_marked_and_undone(form: SettingsForm, qtbot: QtBot) -> None:
    assert not form.reset_button.isEnabled()
    box(form, "inner", "angle").setValue(90)
    box(form, "low").setValue(2)
    assert form.n_changed == 2
    texts = [label.text() for label in form.findChildren(QLabel)]
    assert "\N{BULLET} low" in texts
    assert "high" in texts
    label = next(one for one in form.findChildren(QLabel) if "angle" in one.text())
    assert "In the preset: 0.666667" in label.toolTip()
    with qtbot.waitSignal(form.valueChanged):
        form.reset_button.click()
    assert form.value() == Outer(name="kept")
    assert form.n_changed == 0
    assert not form.reset_button.isEnabled()


def test_values_that_do_not_fit_together_are_refused(
    form: SettingsForm, qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(form.valueChanged):
        box(form, "low").setValue(9)
    assert form.value().low == 1
    texts = [label.text() for label in form.findChildren(QLabel)]
    assert any("low must not be above high" in text for text in texts)
    box(form, "high").setValue(20)
    assert (form.value().low, form.value().high) == (9, 20)


def test_another_class_makes_another_form(form: SettingsForm) -> None:
    form.setValue(Inner(), Inner())
    assert form.value() == Inner()
    assert form.edit("angle").value() == 2 / 3
    with pytest.raises(KeyError):
        form.edit("rate")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("1e-3", QValidator.State.Acceptable),
        (".5", QValidator.State.Acceptable),
        ("1e-", QValidator.State.Intermediate),
        ("", QValidator.State.Intermediate),
        ("99", QValidator.State.Intermediate),
        ("1,5", QValidator.State.Invalid),
        ("x", QValidator.State.Invalid),
    ],
)
def test_small_numbers_are_read(qtbot: QtBot, text: str, state: Any) -> None:
    made = SmallNumberBox()
    qtbot.addWidget(made)
    made.setRange(0, 10)
    assert made.validate(text, 0)[0] == state


def test_wheel_passes_over_a_control_without_focus(form: SettingsForm) -> None:
    high = box(form, "high")
    turn = QWheelEvent(
        QPointF(2, 2),
        QPointF(2, 2),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    assert turn.type() == QEvent.Type.Wheel
    QApplication.sendEvent(high, turn)
    assert form.value().high == 5


def test_a_field_no_form_can_edit_is_refused() -> None:
    class Odd(BaseModel):
        many: list[int] = []

    with pytest.raises(TypeError, match="No form"):
        kind_of(Odd.model_fields["many"])


def test_a_list_of_numbers_is_taken_only_as_it_may_be(qtbot: QtBot) -> None:
    class Scales(BaseModel):
        scales: Annotated[
            tuple[Annotated[float, Interval(ge=0.25, le=4)], ...], Len(1, 3)
        ] = (0.5, 1.0)

    edit = edit_for(kind_of(Scales.model_fields["scales"]))
    qtbot.addWidget(edit)
    edit.set_value((0.5, 1.0))
    taken = []
    edit.changed.connect(lambda: taken.append(edit.value()))
    for text in ("1, 2", "1, 9", "", "one", "1, 2, 3, 4", "0.25,4"):
        edit.setText(text)
        edit.editingFinished.emit()

    assert taken == [(1.0, 2.0), (0.25, 4.0)]
    assert edit.text() == "0.25, 4"
