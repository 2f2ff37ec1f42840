"""Checking a model by cross-validation, from the dock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from projects import make_project
from training_desk import WrittenRun, close_desk, make_desk

from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.viewer.panels.train import TrainPanel
from napari_semiseg.viewer.review.verdicts import last_verdict
from napari_semiseg.viewer.training.ground import count_ground
from napari_semiseg.viewer.training.run_starting import start_run
from napari_semiseg.viewer.training.run_view import RunView
from napari_semiseg.viewer.training.run_watch import find_run_to_show
from napari_semiseg.viewer.training.run_words import headline, short_words
from napari_semiseg.viewer.training.training import Training
from napari_semiseg.viewer.training.training_choice import TrainingChoice
from napari_semiseg.viewer.widgets.cross_check import CrossCheck
from napari_semiseg.viewer.widgets.train_setup import TrainSetup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import TileState

TILE, OTHER = Box((0, 0), (64, 48)), Box((0, 48), (64, 48))
CHECKED = {
    "score": 0.612,
    "score_name": "cross-validation.ap_actis",
    "noise": 0.05,
    "n_tiles": 4,
    "measured_on": "4 labelled tiles, by cross-validation",
}


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Any]:
    made = make_desk()
    made.training = Training(made)
    yield made
    close_desk(made)


@pytest.fixture
def panel(desk: Any, qtbot: QtBot) -> Iterator[TrainPanel]:
    made = TrainPanel(desk)
    qtbot.addWidget(made)
    made.resize(340, 700)
    made.show()
    yield made
    made.close_panel()


def labelled(folder: Path, *states: TileState, images: int = 1) -> Project:
    """Tiles of these states, dealt out to so many images."""
    tiles: dict[int, list[tuple[Box, TileState]]] = {}
    for number, state in enumerate(states):
        found = tiles.setdefault(number % images, [])
        found.append(((TILE, OTHER)[len(found)], state))
    return make_project(folder / "p", tiles)


@pytest.mark.parametrize(
    ("states", "images", "folds"),
    [
        (("training",), 1, 1),
        (("training", "training"), 1, 2),
        (("training", "training"), 2, 2),
        (("training",) * 4, 2, 2),
        (("training",) * 4, 3, 3),
        (("training", "to do"), 1, 1),
    ],
)
def test_folds_are_counted(
    tmp_path: Path, states: tuple[TileState, ...], images: int, folds: int
) -> None:
    assert count_ground(labelled(tmp_path, *states, images=images)).folds == folds


def test_box_is_offered_only_where_nothing_else_judges(qtbot: QtBot) -> None:
    box = CrossCheck()
    qtbot.addWidget(box)
    box.setChecked(True)
    box.show_ground(0, 3)
    assert box.value()
    assert "3 more trainings" in box.text()
    assert "Trains 3 more times" in box.toolTip()
    box.show_ground(0, 1)
    assert (box.value(), box.isEnabled()) == (False, False)
    assert "two labelled tiles" in box.toolTip()
    box.show_ground(2, 3)
    assert not box.value()
    assert box.isHidden()


@pytest.mark.parametrize(
    ("states", "shown", "enabled"),
    [
        (("training", "training"), True, True),
        (("training",), True, False),
        (("training", "training", "validation"), False, False),
    ],
)
def test_panel_offers_it_by_the_tiles(
    tmp_path: Path,
    desk: Any,
    panel: TrainPanel,
    qtbot: QtBot,
    states: tuple[TileState, ...],
    shown: bool,
    enabled: bool,
) -> None:
    desk.session.open(labelled(tmp_path, *states, images=2))
    qtbot.waitUntil(lambda: desk.training.ground is not None)
    box = panel.setup.check
    assert box.isVisible() is shown
    if shown:
        assert box.isEnabled() is enabled


def test_time_is_shared_by_the_run_and_its_check(qtbot: QtBot) -> None:
    setup = TrainSetup()
    qtbot.addWidget(setup)
    setup.show_ground(0, 3)
    setup.show_pace(0.1)
    setup.effort.set_value(5, 600)
    seen: list[bool] = []
    setup.valueChanged.connect(lambda: seen.append(setup.value().cross_validate))
    setup.check.setChecked(True)
    assert seen == [True]
    assert "About 1,000 steps" in setup._estimate.text()
    assert "and 2,000 to check it" in setup._estimate.text()
    setup.check.setChecked(False)
    assert "About 3,000 steps on this computer." in setup._estimate.text()


@pytest.mark.parametrize("wished", [True, False])
def test_process_is_told_and_the_project_remembers(
    tmp_path: Path, wished: bool
) -> None:
    project = labelled(tmp_path, "training", "training")
    told: list[list[str]] = []

    def start(_folder: Path, arguments: list[str], **_: object) -> Any:
        told.append(arguments)
        return SimpleNamespace()

    settings = make_settings("actis")
    choice = TrainingChoice.of(settings, minutes=2, cross_validate=wished)
    start_run(project, settings, choice, start)
    assert ("--cross-validate" in told[0]) is wished
    assert TrainingChoice.remembered(project.settings).cross_validate is wished


def test_check_is_followed_and_decides(
    tmp_path: Path, desk: Any, panel: TrainPanel, qtbot: QtBot
) -> None:
    project = labelled(tmp_path, "training", "training")
    main = RunFolder.create(project.folder, "actis", cross_validate=2)
    write_json(main.model / "model.json", {})
    main.update(state="finished", verdict="It is cross-validated now.")
    check = WrittenRun(project, check_of=main.id)
    check.begin(stages={"fold 1, supervised": "Check 1 of 2: learning"})
    check.make_step("fold 1, supervised")
    desk.session.open(project)
    qtbot.waitUntil(lambda: desk.training.active == check.folder)
    qtbot.waitUntil(lambda: desk.training.view.step == 1)
    assert panel.progress.headline.text() == "Check 1 of 2: learning."
    assert panel.fact().startswith("cross-validation, 1%")
    assert not desk.training.view.answers  # The model is what people want to see.
    main.update(
        accepted=False,
        verdict="It is worse than the model in use: 0.612 against 0.700.",
        cross_validated=CHECKED,
    )
    with qtbot.waitSignal(desk.session.model_changed):
        check.end(accepted=False, verdict="It is worse")
    qtbot.waitUntil(lambda: desk.training.view.run_id == main.id, timeout=10_000)
    qtbot.waitUntil(lambda: desk.training.view.state == "finished")
    assert "0.612 against 0.700" in panel.progress.why.text()
    assert "learned from them" not in panel.progress.why.text()
    verdict = last_verdict(project.folder)
    assert verdict is not None
    assert not verdict.accepted


def test_a_check_that_broke_off_is_shown_to_be_resumed(tmp_path: Path) -> None:
    main = RunFolder.create(tmp_path, "actis")
    main.update(state="finished")
    check = RunFolder.create(tmp_path, "actis", stem="actis-check", check_of=main.id)
    check.update(state="training", asked=0.0)
    assert find_run_to_show(tmp_path) == (check, False)
    for state in ("finished", "stopped", "failed"):
        check.update(state=state)
        assert find_run_to_show(tmp_path) == (main, False)


def test_words_while_a_model_waits_for_its_check() -> None:
    view = RunView("r", "actis", "finished", verdict="It is cross-validated now.")
    assert headline(view) == "Finished: it is checked now."
    check = RunView("c", "actis", "training", check_of="r", step=1, n_steps=2)
    assert short_words(check, "ACTIS", None) == "cross-validation, 50%"


def test_verdict_shows_the_score_of_the_cross_validation(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "actis")
    run.update(
        accepted=True,
        verdict="It is better.",
        scores={"training.ap_actis": 0.99},
        tuned_on="4 training tiles",
        cross_validated=CHECKED,
    )
    verdict = last_verdict(tmp_path)
    assert verdict is not None
    assert "0.61" in verdict.measured
    assert "by cross-validation" in verdict.measured
    assert "0.99" not in verdict.measured
