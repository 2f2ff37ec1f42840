from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.typed_bounds import parse
from napari_semiseg.viewer.widgets.bounds_edit import BoundsEdit
from napari_semiseg.viewer.widgets.settings_form import SettingsForm

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def edit(qtbot: QtBot) -> BoundsEdit:
    made = BoundsEdit(("nucleus", "cytoplasm"))
    qtbot.addWidget(made)
    return made


def test_what_was_set_is_given_back_exactly(edit: BoundsEdit) -> None:
    text = "nucleus: 10 to 25 %, cytoplasm 20-40"

    edit.set_value(text)

    assert edit.value() == text
    assert edit.row("nucleus").low.value() == 10
    assert edit.row("nucleus").high.value() == 25
    assert edit.row("cytoplasm").ticked


def test_without_a_tick_there_are_no_bounds(edit: BoundsEdit) -> None:
    assert edit.value() is None

    edit.set_value("nucleus 10-25")
    edit.row("nucleus").tick.setChecked(False)

    assert edit.value() is None
    assert not edit.row("nucleus").low.isEnabled()


def test_ticking_and_typing_makes_a_text_that_is_understood(
    edit: BoundsEdit, qtbot: QtBot
) -> None:
    row = edit.row("cytoplasm")

    row.tick.setChecked(True)
    row.low.setValue(12.5)
    with qtbot.waitSignal(edit.changed):
        row.high.setValue(40)

    assert edit.value() == "cytoplasm 12.5-40"
    assert parse(edit.value()) == {"cytoplasm": (0.125, 0.4)}


def test_the_lower_bound_pushes_the_upper_one(edit: BoundsEdit) -> None:
    edit.set_value("nucleus 10-25")
    row = edit.row("nucleus")

    row.low.setValue(30)
    assert edit.value() == "nucleus 30-30"

    row.high.setValue(5)
    assert edit.value() == "nucleus 5-5"


def test_showing_emits_nothing(edit: BoundsEdit, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(edit.changed):
        edit.set_value("nucleus 10-25")
        edit.set_names(("object",))


def test_bounds_without_a_name_are_those_of_the_only_class(qtbot: QtBot) -> None:
    edit = BoundsEdit(("object",))
    qtbot.addWidget(edit)

    edit.set_value("10-25")

    assert edit.row("object").high.value() == 25


def test_a_class_that_is_not_there_can_be_taken_away(edit: BoundsEdit) -> None:
    edit.set_value("granule 1-2, nucleus 10-25")

    edit.row("granule").tick.setChecked(False)

    assert edit.value() == "nucleus 10-25"


def test_the_form_offers_the_classes_of_the_project(qtbot: QtBot) -> None:
    form = SettingsForm()
    qtbot.addWidget(form)
    form.set_classes(("nucleus",))
    settings = make_settings("curriculum")
    form.setValue(settings, settings)
    row = form.edit("bounds").row("nucleus")

    row.tick.setChecked(True)
    row.low.setValue(10)
    row.high.setValue(25)

    assert form.value().bounds == "nucleus 10-25"
    assert form.n_changed == 1

    form.reset()
    assert form.value().bounds is None
    assert not row.ticked
