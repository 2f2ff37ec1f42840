from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.theme import get_theme
from projects import make_project
from qtpy.QtWidgets import QLabel
from training_desk import WrittenRun, close_desk, make_desk

from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.viewer.panels.train import TrainPanel
from napari_semiseg.viewer.training import reports
from napari_semiseg.viewer.training.closing import ClosingQuestion
from napari_semiseg.viewer.training.earlier_runs import earlier_runs
from napari_semiseg.viewer.training.pace import earlier_paces
from napari_semiseg.viewer.training.run_starting import start_run
from napari_semiseg.viewer.training.run_view import RunView
from napari_semiseg.viewer.training.run_words import (
    duration_words,
    headline,
    short_words,
)
from napari_semiseg.viewer.training.training import Training
from napari_semiseg.viewer.training.training_choice import TrainingChoice
from napari_semiseg.viewer.widgets.effort import EffortEdit
from napari_semiseg.viewer.widgets.train_setup import TrainSetup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project

TILE = Box((0, 0), (64, 64))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "p", {0: [(TILE, "training")]})


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


def opened(desk: Any, project: Project, qtbot: QtBot) -> None:
    desk.session.open(project)
    qtbot.waitUntil(lambda: desk.training.ground is not None)
    qtbot.waitUntil(lambda: not desk.background.busy)


def texts(panel: TrainPanel) -> str:
    return "\n".join(
        one.text() for one in panel.findChildren(QLabel) if one.isVisible()
    )


def test_it_is_narrow_enough(panel: TrainPanel) -> None:
    assert panel.minimumSizeHint().width() <= 340


def test_nothing_labelled(
    desk: Any, panel: TrainPanel, tmp_path: Path, qtbot: QtBot
) -> None:
    assert not panel.train.isEnabled()
    opened(desk, make_project(tmp_path / "q", {0: [(TILE, "to do")]}), qtbot)
    assert not panel.train.isEnabled()
    assert "No tile is labelled" in panel.train.toolTip()
    assert "No tile is labelled" in panel.reason.text()
    assert panel.fact() == "nothing to learn from yet"
    assert not panel.progress.isVisible()


def test_ready_and_started_as_chosen(
    desk: Any,
    panel: TrainPanel,
    project: Project,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(desk, project, qtbot)
    assert panel.train.isEnabled()
    assert panel.fact() == "ready"
    assert panel.reason.text() == "Will learn from 1 tile."
    started: list[Any] = []
    monkeypatch.setattr(desk.training, "start", lambda *a, **k: started.append((a, k)))
    setup = panel.setup
    setup.method.setCurrentIndex(setup.method.findData("supervised"))
    setup.effort.set_value(None, 50)
    setup.form.edit("tile_size").set_value(64)
    setup.form.edit("tile_size").changed.emit()
    panel.train.click()
    settings = make_settings("supervised", "default", {"tile_size": 64, "steps": 50})
    how = {"minutes": None, "device": "auto", "start": "last"}
    extras = {"compare": False, "cross_validate": False}
    assert started == [((settings,), how | extras)]


def test_a_comparison_starts_from_scratch_and_says_what_it_costs(
    desk: Any,
    panel: TrainPanel,
    project: Project,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(desk, project, qtbot)
    started: list[Any] = []
    monkeypatch.setattr(desk.training, "start", lambda *a, **k: started.append(k))
    setup = panel.setup
    assert setup.begin_with.isEnabled()

    setup.compare.click()

    assert not setup.begin_with.isEnabled()
    assert "from scratch" in setup.begin_with.toolTip()
    assert "takes as long again; both start from scratch" in texts(panel)
    panel.train.click()
    assert started[-1]["compare"] is True
    # There is nothing to compare the labels alone with.
    setup.method.setCurrentIndex(setup.method.findData("supervised"))
    assert not setup.compare.isEnabled()
    panel.train.click()
    assert started[-1]["compare"] is False
    # It costs as much again, and is asked for each time.
    choice = TrainingChoice(compare=True)
    assert not TrainingChoice.remembered(choice.entry()).compare


@pytest.mark.parametrize("compare", [True, False])
def test_the_process_is_told_to_compare(project: Project, compare: bool) -> None:
    told: list[Any] = []
    choice = TrainingChoice(minutes=None, start="some-run", compare=compare)
    start_run(project, choice.settings(), choice, lambda *a, **_: told.append(a))
    ((_, arguments),) = told
    assert ("--compare" in arguments) is compare
    beginning = arguments[arguments.index("--start") + 1]
    assert beginning == ("scratch" if compare else "some-run")


def test_both_parts_of_a_comparison_are_followed_and_told(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project, compare=True)
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: desk.training.active is not None)
    run.begin()
    run.make_step()
    progress = panel.progress
    qtbot.waitUntil(lambda: progress.headline.text().startswith("Part 1 of 2"))
    facts = {"tuned_on": "2 validation tiles", "validated": True, "total_steps": 9}
    ended = {"accepted": True, "verdict": "It is the first model."}
    write_scores(run, 0.75, 0.85)
    run.end(**facts, **ended)
    qtbot.waitUntil(lambda: desk.training.active is None)

    arm = WrittenRun(project, "supervised", arm_of=run.folder.id)
    qtbot.waitUntil(lambda: desk.training.active == arm.folder, timeout=10_000)
    arm.begin()
    arm.make_step()
    qtbot.waitUntil(lambda: progress.headline.text().startswith("Part 2 of 2"))
    qtbot.waitUntil(lambda: panel.fact().startswith("labels alone"))
    write_scores(arm, 0.5, 0.6)
    arm.end(**facts, accepted=False, verdict="It is an arm.")

    qtbot.waitUntil(lambda: desk.training.run_folder == run.folder, timeout=10_000)
    said = "With unlabelled images 0.80, from labels alone 0.55"
    qtbot.waitUntil(lambda: said in progress.why.text())
    first = "It is the first model."
    qtbot.waitUntil(lambda: first in progress.why.text())
    assert "the new model is in use" in progress.headline.text()


def write_scores(run: WrittenRun, *scores: float) -> None:
    tiles = [
        {"image_id": f"{n}", "origin": [0, 0], "size": [8, 8], "ap_actis": score}
        for n, score in enumerate(scores)
    ]
    content = {"measured_on": "2 validation tiles", "tiles": tiles}
    write_json(run.folder.report / "scores.json", content)
    write_json(run.folder.model / "model.json", {"name": run.folder.id})


def test_the_report_of_a_run_that_has_ended_is_opened(
    desk: Any,
    panel: TrainPanel,
    project: Project,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls: list[str] = []
    monkeypatch.setattr(
        reports.QDesktopServices,
        "openUrl",
        lambda url: urls.append(url.toLocalFile()) or True,
    )
    run = WrittenRun(project)
    page = run.folder.report / "report.html"
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: desk.training.active is not None)
    run.begin()
    assert not panel.progress.open_report.isVisible()
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<html></html>")
    run.end()
    qtbot.waitUntil(panel.progress.open_report.isVisible)

    panel.progress.open_report.click()

    assert urls == [str(page)]
    page.unlink()
    panel.progress.open_report.click()
    assert len(urls) == 1


def test_a_run_from_start_to_verdict(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    facts: list[str] = []
    panel.fact_changed.connect(facts.append)
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: desk.training.active is not None)
    run.begin()
    for _ in range(20):
        run.make_step(device_bytes=1_400_000_000)
    progress = panel.progress
    qtbot.waitUntil(lambda: progress.bar.value() == 20)
    assert progress.bar.maximum() == 100
    assert "step 20 of 100" in progress.steps.text()
    assert "cpu, 1.4 GB" in progress.steps.text()
    assert "Learning from your labels" in progress.headline.text()
    assert not panel.setup.isVisible()
    assert not panel.train.isVisible()
    assert progress.curves.isVisible()
    assert facts[-1].startswith("ACTIS, 20%")
    n_facts = len(facts)
    progress.pause.click()
    assert run.requests() == ["pause"]
    assert not progress.pause.isEnabled()
    run.write("answered", kind="pause", request="?")
    run.write("paused")
    qtbot.waitUntil(progress.resume.isVisible)
    assert progress.resume.isEnabled()
    assert facts[-1] == "ACTIS, 20%, paused"
    assert len(facts) - n_facts <= 3  # Its line does not flicker.
    progress.resume.click()
    assert run.requests() == ["resume"]
    run.write("unpaused")
    run.write("finishing")
    qtbot.waitUntil(lambda: "saving the model" in panel.fact())
    assert not progress.stop.isEnabled()
    run.end(
        accepted=False,
        verdict="It is not better than the model in use: 0.700 against 0.800.",
        tuned_on="2 validation tiles",
        scores={"validation.ap_actis": 0.7},
    )
    qtbot.waitUntil(panel.train.isVisible)
    assert "0.700 against 0.800" in texts(panel)
    assert "Score" not in texts(panel)  # The verdict has told it.
    assert panel.fact() == "old model kept, score 0.70"
    assert not progress.go_on.isVisible()


def test_a_failed_run_offers_log_and_resume(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    run.make_step()
    run.save_checkpoint()
    run.folder.log.write_text("first\nlast words")
    run.end("failed", failure="The disk is full. Free some space, then resume.")
    opened(desk, project, qtbot)
    qtbot.waitUntil(panel.progress.go_on.isVisible)
    assert panel.progress.go_on.isEnabled()
    assert "Free some space" in texts(panel)
    panel.progress.open_log.click()
    qtbot.waitUntil(lambda: "last words" in panel.progress.log.toPlainText())
    assert panel.train.isVisible()


def test_devices_become_known(desk: Any, panel: TrainPanel, qtbot: QtBot) -> None:
    assert panel.setup.device.itemText(0) == "automatic (not known yet)"
    desk.server.devices = (
        SimpleNamespace(name="cpu", words="CPU, 4 cores"),
        SimpleNamespace(name="cuda:0", words="A big GPU"),
    )
    desk.server.default_device = "cuda:0"
    desk.server.ready.emit()
    assert panel.setup.device.itemText(0) == "automatic (A big GPU)"
    assert panel.setup.device.count() == 3
    panel.setup.device.setCurrentIndex(1)
    assert panel.setup.value().device == "cpu"


def test_the_choice_of_the_project_is_shown(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    write_json(run.folder.model / "model.json", {})
    run.end(accepted=True, verdict="First.")
    choice = TrainingChoice(
        method="actis",
        changes={"seed": 3, "steps": 900},
        minutes=None,
        device="cuda:1",
        start=run.folder.id,
    )
    project.update_settings(**choice.entry())
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: panel.setup.begin_with.count() == 3)
    # The model was not known when the choice was shown, and is chosen all the same.
    assert panel.setup.value().start == run.folder.id
    assert panel.setup.settings == choice.settings()
    assert panel.setup.effort.minutes is None


def measured(project: Project, method: str, score: float, tile: int) -> WrittenRun:
    run = WrittenRun(project, method)
    run.begin()
    write_json(run.folder.model / "model.json", {})
    tiles = [{"image_id": "a", "origin": [tile, 0], "size": [8, 8]}]
    scores = {"tiles": tiles, "mean": {"ap_actis": score}}
    write_json(run.folder.report / "scores.json", scores)
    run.end(accepted=True, verdict="Better.")
    run.wait_older()
    return run


def test_supervised_alone_is_told_on_the_same_tiles_only(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    measured(project, "supervised", 0.74, tile=0)
    measured(project, "supervised", 0.99, tile=8)
    measured(project, "actis", 0.78, tile=0)
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: "Supervised alone" in texts(panel))
    assert "Supervised alone: 0.740 on the same tiles." in texts(panel)
    assert earlier_runs(project.folder).has_model
    measured(project, "supervised", 0.5, tile=0)
    assert earlier_runs(project.folder).comparison == ""


def test_in_napari_nothing_leaks(
    make_napari_viewer: Any, project: Project, qtbot: QtBot
) -> None:
    desk = make_desk()
    desk.viewer = make_napari_viewer()
    desk.training = Training(desk)
    question = ClosingQuestion(desk)
    panel = TrainPanel(desk)
    desk.viewer.window.add_dock_widget(panel)
    run = WrittenRun(project)
    run.begin()
    run.make_step()
    run.make_step()
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: panel.progress.bar.value() == 2)
    for theme in ("light", "dark"):
        desk.viewer.theme = theme
        ground = get_theme(theme).background.as_hex()
        qtbot.waitUntil(
            lambda ground=ground: _corner(panel.progress.curves) == ground, timeout=3000
        )
    panel.close_panel()
    question.close()
    close_desk(desk)


def _corner(plot: Any) -> str:
    return plot.grab().toImage().pixelColor(3, 3).name()


def test_pace_of_earlier_runs(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    for _ in range(10):
        run.make_step(seconds=0.5)
    run.end(accepted=True, verdict="First.")
    assert earlier_paces(project.folder) == {"actis": 0.5}
    opened(desk, project, qtbot)
    panel.setup.effort.set_value(5, 600)
    panel.setup.effort.valueChanged.emit()
    assert "About 600 steps on this computer." in texts(panel)
    panel.setup.effort.set_value(1, 600)
    panel.setup.effort.valueChanged.emit()
    few = "About 120 steps on this computer. That is little: give it more time."
    assert few in texts(panel)
    panel.setup.effort.set_value(None, 7200)
    panel.setup.effort.valueChanged.emit()
    assert "About 60 min on this computer." in texts(panel)
    assert desk.server.asked == []


def test_pace_is_measured_once_where_nothing_is_known(
    desk: Any, panel: TrainPanel, project: Project, qtbot: QtBot
) -> None:
    desk.server.running = True
    opened(desk, project, qtbot)
    assert "measured in the first minute" in texts(panel)
    for steps in (5, 6):
        panel.setup.effort.set_value(None, steps)
        panel.setup.effort.valueChanged.emit()
    assert len(desk.server.asked) == 1
    panel.setup.effort.set_value(None, 100)
    desk.server.paced.emit(
        {"event": "pace", "request": "pace-1", "steps_per_minute": 50}
    )
    assert "About 2 min on this computer." in texts(panel)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("method", METHODS)
def test_setup_edits_every_choice(qtbot: QtBot, method: str, preset: Any) -> None:
    setup = TrainSetup()
    qtbot.addWidget(setup)
    choice = TrainingChoice(
        method=method, preset=preset, changes={"seed": 5}, minutes=None
    )
    setup.setValue(choice)
    assert setup.value() == choice
    assert setup.settings == choice.settings()


def test_paper_preset_brings_its_number_of_steps(qtbot: QtBot) -> None:
    setup = TrainSetup()
    qtbot.addWidget(setup)
    setup.preset.setCurrentIndex(setup.preset.findData("paper"))
    method = setup.method.currentData()
    assert setup.effort.minutes is None
    assert setup.settings == make_settings(method, "paper")
    assert setup.value().changes == {}


def test_comparison_method_starts_from_scratch(qtbot: QtBot) -> None:
    setup = TrainSetup()
    qtbot.addWidget(setup)
    setup.show_models([("run", "words")], has_model=True)
    assert setup.begin_with.isEnabled()
    setup.method.setCurrentIndex(setup.method.findData("supervised"))
    assert not setup.begin_with.isEnabled()
    assert "from scratch" in setup.begin_with.toolTip()


def test_effort_keeps_minutes_between_its_stops(qtbot: QtBot) -> None:
    effort = EffortEdit()
    qtbot.addWidget(effort)
    effort.set_value(7, 600)
    assert effort.minutes == 7


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "5 s"),
        (41, "40 s"),
        (100, "2 min"),
        (3000, "50 min"),
        (7800, "2 h 10 min"),
        (7200, "2 h"),
        (260_000, "3 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_unknown_stage_is_called_by_its_name() -> None:
    view = RunView(state="training", stage="second")
    assert headline(view) == "Stage second."
    view = RunView(state="died", sentence="Killed.")
    assert short_words(view, "ACTIS", None) == "broken off: see why"
