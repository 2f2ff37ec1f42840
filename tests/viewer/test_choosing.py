from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_fakes import FakeTeacher, FakeTraining, fake_desk
from projects import make_project
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtTest import QTest

from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.segmentation.selecting import Selecting
from napari_semiseg.viewer.classes.class_shares import ClassShare
from napari_semiseg.viewer.own_layers import mark
from napari_semiseg.viewer.panels.review_pixels import PixelRows
from napari_semiseg.viewer.review.choosing import Choosing
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.layer_making import NAMES
from napari_semiseg.viewer.teacher.teachers import Teacher
from napari_semiseg.viewer.training.training_choice import TrainingChoice
from napari_semiseg.viewer.widgets.share_slider import share_slider
from napari_semiseg.viewer.widgets.train_setup import TrainSetup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

SHARES = (
    ClassShare(0.8, 0.95, 0.99),
    ClassShare(0.15, 0.9, 0.71),
    ClassShare(0.05, 0.7, 0.4),
)


class Looking(QObject):
    teacher_changed = Signal()
    teacher: Teacher | None = None

    def ask(self, teacher: Teacher | None) -> None:
        self.teacher = teacher
        self.teacher_changed.emit()


@pytest.fixture
def desk(tmp_path: Path, viewer: Any) -> Iterator[Any]:
    session = Session()
    made = fake_desk(
        session,
        viewer,
        teacher=FakeTeacher(Box((0, 0), (96, 112))),
        looking=Looking(),
        training=FakeTraining(),
    )
    made.choosing = Choosing(made)
    made.reviewing = SimpleNamespace(choosing=made.choosing)
    made.said = []
    session.said.connect(lambda text, problem: made.said.append(text))
    session.open(make_project(tmp_path / "p", {}))
    session.show(session.opened.images[0])
    made.teacher.shares = SHARES
    yield made
    made.choosing.close()
    session.close()


@pytest.fixture
def rows(desk: Any, qtbot: QtBot) -> PixelRows:
    made = PixelRows(desk)
    desk.choosing.changed.connect(made.refresh)
    qtbot.addWidget(made)
    made.set_open(True)
    made.show()
    return made


def trained(desk: Any, method: str = "actis", changes: Any = None) -> Teacher:
    run = RunFolder.create(desk.session.opened.folder, method)
    settings = make_settings(method, "default", changes).model_dump(mode="json")
    run.update(method=method, settings=settings)
    teacher = Teacher(run, lives=False)
    desk.looking.ask(teacher)
    return teacher


def test_as_trained_nothing_is_tried(desk: Any, rows: PixelRows) -> None:
    trained(desk)
    assert desk.teacher.rules["selecting"] is None
    assert rows.slider.slider.value() == pytest.approx(0.2)
    assert rows.slider.label.text() == "Leave out"
    assert "least sure" in rows.slider.slider.toolTip()
    assert not rows.reset.isEnabled()
    assert rows.kept.text() == (
        "kept: object 71 %, boundary 40 %, background 99 %; image 92 %"
    )


def test_moving_the_slider_tries_and_shows_the_mask(desk: Any, rows: PixelRows) -> None:
    layer = desk.viewer.add_labels(np.zeros((4, 4), int), visible=False)
    mark(layer, NAMES["trusted"])
    trained(desk)
    assert not layer.visible
    rows.slider.slider.setValue(0.45)
    assert desk.teacher.rules["selecting"] == Selecting(left_out=0.45)
    assert layer.visible
    assert "Just to see" in rows.about.text()

    layer.visible = False
    QTest.mouseClick(rows.reset, Qt.MouseButton.LeftButton)
    assert desk.teacher.rules["selecting"] is None
    assert rows.slider.slider.value() == pytest.approx(0.2)
    assert not layer.visible
    assert "choice" not in desk.session.opened.settings


def test_a_slider_is_moved_by_keys(qtbot: QtBot) -> None:
    slider = share_slider()
    qtbot.addWidget(slider)
    slider.setValue(0.95)
    for key, value in (
        (Qt.Key.Key_Right, 0.96),
        (Qt.Key.Key_PageUp, 1.0),
        (Qt.Key.Key_Left, 0.99),
        (Qt.Key.Key_PageDown, 0.89),
        (Qt.Key.Key_Home, 0.0),
        (Qt.Key.Key_Down, 0.0),
        (Qt.Key.Key_End, 1.0),
    ):
        QTest.keyClick(slider, key)
        assert slider.value() == pytest.approx(value)
    QTest.keyClick(slider, Qt.Key.Key_A)
    assert slider.value() == 1.0


def test_fixmatch_has_its_own_number(desk: Any, rows: PixelRows) -> None:
    trained(desk, "fixmatch-st")
    assert rows.slider.label.text() == "Sure at least"
    rows.slider.slider.setValue(0.8)
    assert desk.teacher.rules["selecting"] == Selecting(0.8, 0.5)


@pytest.mark.parametrize("method", ["supervised", "curriculum", "consistency"])
def test_a_method_without_a_number_says_why(
    desk: Any, rows: PixelRows, method: str
) -> None:
    trained(desk, method)
    desk.choosing.put(0.5)
    assert desk.teacher.rules["selecting"] is None
    assert not rows.slider.isVisible()
    assert not rows.use.isVisible()
    assert "to choose" in rows.about.text()


def test_before_a_model_it_says_what_to_do(desk: Any, rows: PixelRows) -> None:
    rows.refresh()
    assert "Train a model first" in rows.about.text()
    assert not rows.kept.text()
    trained(desk)
    desk.teacher.shares = ()
    rows.refresh()
    assert "not looked" in rows.about.text()
    desk.teacher.shares = tuple(one._replace(kept=0.0) for one in SHARES)
    rows.refresh()
    assert "labelled tiles alone" in rows.about.text()


def test_the_next_training_takes_the_number(
    desk: Any, rows: PixelRows, qtbot: QtBot
) -> None:
    setup = TrainSetup()
    qtbot.addWidget(setup)
    desk.choosing.follow(setup)
    setup.effort.set_value(7, 600)  # Not remembered yet.
    trained(desk)
    rows.refresh()
    assert "already" in rows.use.toolTip()
    rows.slider.slider.setValue(0.35)
    QTest.mouseClick(rows.use, Qt.MouseButton.LeftButton)

    assert setup.settings.consistency.quantile == 0.35  # type: ignore[attr-defined]
    assert setup.value().minutes == 7
    fresh = Project.open(desk.session.opened.folder)
    kept = TrainingChoice.remembered(fresh.settings)
    assert kept.changes == {"consistency": {"quantile": 0.35}}
    assert not rows.use.isEnabled()


def test_another_method_in_step_3_does_not_take_it(desk: Any, rows: PixelRows) -> None:
    trained(desk, "co-training")
    rows.slider.slider.setValue(0.8)
    assert "ACTIS" in desk.choosing.why_not()
    assert not rows.use.isEnabled()
    desk.choosing.use()
    assert "ACTIS" in desk.said[-1]
    assert "training" not in desk.session.opened.settings


def test_who_may_only_look_can_try_but_not_keep(desk: Any, rows: PixelRows) -> None:
    trained(desk)
    desk.session.read_only = "Somebody else has it open."
    rows.slider.slider.setValue(0.5)
    assert desk.teacher.rules["selecting"] == Selecting(left_out=0.5)
    assert rows.use.toolTip() == "Somebody else has it open."


def test_what_was_tried_comes_back_with_its_model(desk: Any, rows: PixelRows) -> None:
    first = trained(desk)
    rows.slider.slider.setValue(0.5)
    trained(desk, "actis", {"seed": 1})
    assert desk.teacher.rules["selecting"] is None
    desk.looking.ask(first)
    assert desk.teacher.rules["selecting"] == Selecting(left_out=0.5)
    assert rows.slider.slider.value() == pytest.approx(0.5)


def test_a_model_of_unknown_settings_is_shown_as_it_is(
    desk: Any, rows: PixelRows
) -> None:
    run = RunFolder.create(desk.session.opened.folder, "actis")
    run.update(method="actis", settings={"name": "of another version"})
    desk.looking.ask(Teacher(run, lives=False))
    assert "not known" in rows.about.text()
    assert rows.kept.text().startswith("kept: object 71 %")


def test_classes_of_a_semantic_task_have_their_names(
    desk: Any, rows: PixelRows
) -> None:
    names = ("background", "cytoplasm", "nucleus")
    desk.palette.semantic, desk.palette.name = True, names.__getitem__
    trained(desk)
    assert desk.choosing.kept().words == (
        "kept: cytoplasm 71 %, nucleus 40 %, background 99 %; image 92 %"
    )
