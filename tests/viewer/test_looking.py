from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import (
    FakeServer,
    FakeTeacher,
    FakeTraining,
    fake_desk,
    finished_run,
    living_run,
    preview_event,
)
from napari.components import ViewerModel
from projects import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher import looking as module
from napari_semiseg.viewer.teacher import questions
from napari_semiseg.viewer.teacher.looking import Looking
from napari_semiseg.viewer.teacher.teachers import Teacher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project

WHOLE = Box((0, 0), (96, 112))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {})


@pytest.fixture
def desk(
    project: Project,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """A small image in a canvas of 600 x 800, all of it in view."""
    monkeypatch.setattr(module, "_STILL", 5)
    viewer = ViewerModel()
    camera = camera_of(viewer)
    camera.center, camera.zoom = (48, 56), 4
    session = Session()
    made = fake_desk(
        session,
        viewer,
        camera=camera,
        server=FakeServer(tmp_path / "previews"),
        training=FakeTraining(),
        teacher=FakeTeacher(WHOLE),
    )
    made.looking = Looking(made)
    session.open(project)
    yield made
    made.looking.close()
    session.close()


def waited(qtbot: QtBot) -> None:
    """Let a look that was to come, come."""
    qtbot.wait(60)


def use_model(desk: Any, project: Project) -> None:
    finished_run(project)
    desk.session.model_changed.emit()


def ask_first(desk: Any, project: Project, qtbot: QtBot) -> None:
    """A model is in use, and the first question about the first image was asked."""
    use_model(desk, project)
    desk.session.show(project.images[0])
    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)


def requests_of(run: Any) -> list[Path]:
    return list(run.control.glob("*.json"))


def test_without_a_model_nothing_is_asked(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    desk.session.show(project.images[0])
    waited(qtbot)

    assert desk.looking.teacher is None
    assert desk.server.asked == []


def test_the_model_in_use_is_asked_about_what_is_in_view(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    ask_first(desk, project, qtbot)

    assert desk.server.asked == [("preview", (project.images[0].id, WHOLE))]
    assert desk.looking.waiting
    assert not desk.looking.teacher.lives


def test_the_answer_is_shown_and_not_asked_for_again(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    ask_first(desk, project, qtbot)

    desk.server.answer("preview-1", WHOLE)
    desk.camera.zoom = 8
    waited(qtbot)

    ((image_id, box, probability, label, confidence, selected),) = desk.teacher.answers
    assert (image_id, box) == (project.images[0].id, WHOLE)
    assert probability.shape == (3, *WHOLE.size)
    assert (label == 0).all() and (confidence == 1).all() and selected.all()
    assert len(desk.server.asked) == 1
    assert not desk.looking.waiting


def test_only_what_is_new_in_view_is_asked(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    use_model(desk, project)
    desk.camera.center, desk.camera.zoom = (48, 20), 30
    desk.session.show(project.images[0])
    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)
    (first,) = desk.server.boxes()
    desk.server.answer("preview-1", first)

    desk.camera.center = (48, 25)
    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)

    second = desk.server.boxes()[1]
    assert second == Box((first.origin[0], first.end[1]), (first.size[0], 5))


def test_a_large_view_is_asked_for_piece_by_piece(
    desk: Any, project: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_CPU_SIDE", 64)
    ask_first(desk, project, qtbot)

    for number in range(1, 5):
        qtbot.waitUntil(lambda n=number: len(desk.server.asked) == n)
        desk.server.answer(f"preview-{number}", desk.server.boxes()[-1])
    waited(qtbot)

    boxes = desk.server.boxes()
    assert len(boxes) == 4
    assert sum(box.size[0] * box.size[1] for box in boxes) == 96 * 112
    assert all(max(box.size) <= 64 for box in boxes)


def test_a_gpu_is_asked_for_more_at_once(
    desk: Any, project: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_CPU_SIDE", 64)
    desk.server.default_device = "cuda:0"

    ask_first(desk, project, qtbot)

    assert desk.server.boxes() == [WHOLE]


def test_one_question_at_a_time(desk: Any, project: Project, qtbot: QtBot) -> None:
    ask_first(desk, project, qtbot)

    desk.camera.zoom = 5
    waited(qtbot)

    assert len(desk.server.asked) == 1


def test_outside_the_window_nothing_is_asked(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    desk.teacher.window = Box((0, 0), (40, 40))
    ask_first(desk, project, qtbot)

    assert desk.server.boxes() == [Box((0, 0), (40, 40))]
    assert desk.teacher.visible == [WHOLE]


def test_a_new_window_is_looked_at_anew(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    ask_first(desk, project, qtbot)
    desk.server.answer("preview-1", WHOLE)

    desk.teacher.window_changed.emit()
    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)


def test_what_somebody_needs_comes_first(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    use_model(desk, project)
    desk.camera.center, desk.camera.zoom = (10, 10), 40
    desk.session.show(project.images[0])
    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)
    desk.server.answer("preview-1", desk.server.boxes()[0])
    wanted = Box((60, 60), (32, 32))

    desk.teacher.wanted.emit(wanted)
    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)

    assert desk.server.boxes()[1] == wanted
    desk.server.answer("preview-2", wanted)
    waited(qtbot)
    assert len(desk.server.asked) == 2


def test_a_late_answer_for_another_image_is_dropped(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    ask_first(desk, project, qtbot)
    desk.session.show(project.images[1])

    desk.server.answer("preview-1", WHOLE)

    assert desk.teacher.answers == []


def test_a_refusal_is_said_once_and_not_asked_again(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    said: list[str] = []
    desk.session.said.connect(lambda text, problem: said.append(text))
    ask_first(desk, project, qtbot)

    sentence = "The image is missing."
    desk.server.answered.emit(
        {"event": "refused", "request": "preview-1", "sentence": sentence}
    )
    desk.camera.zoom = 5
    waited(qtbot)

    assert said == [sentence]
    assert desk.looking.problem == sentence
    assert len(desk.server.asked) == 1


def test_a_server_that_dies_is_not_started_over_and_over(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    ask_first(desk, project, qtbot)
    desk.server.answered.emit({"event": "cancelled", "request": "preview-1"})
    desk.server.lost.emit("It was killed.")
    desk.camera.zoom = 5
    waited(qtbot)
    assert len(desk.server.asked) == 1

    desk.looking.look_again()
    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)


def test_a_run_that_trains_answers_itself(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    run = living_run(project)
    desk.session.show(project.images[0])
    desk.training.show(run, state="training", step=3, device="cpu")
    qtbot.waitUntil(lambda: len(requests_of(run)) == 1)
    request = requests_of(run)[0].stem

    answer = preview_event(run.previews, request, WHOLE)
    with qtbot.waitSignal(desk.looking.tuned) as tuned:
        desk.training.happened.emit({**answer, "thresholds": [0.7, 0.4]})

    assert tuned.args == [0.7, 0.4]
    assert desk.looking.teacher.lives
    assert desk.server.asked == []
    assert desk.teacher.answers[0][1] == WHOLE


def test_a_run_is_asked_again_once_it_has_learned(
    desk: Any, project: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    run = living_run(project)
    desk.session.show(project.images[0])
    desk.training.show(run, state="training", step=3)
    qtbot.waitUntil(lambda: len(requests_of(run)) == 1)
    first = requests_of(run)[0]
    first.unlink()
    desk.training.happened.emit(preview_event(run.previews, first.stem, WHOLE))
    waited(qtbot)
    assert requests_of(run) == []  # Still at step 3: it sees the same.

    desk.training.show(run, state="training", step=4)
    desk.training.happened.emit({"event": "step", "step": 4})

    qtbot.waitUntil(lambda: len(requests_of(run)) == 1)


def test_a_run_that_starts_is_not_asked_yet(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    use_model(desk, project)
    run = living_run(project)
    desk.session.show(project.images[0])

    desk.training.show(run, state="starting")
    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)

    assert requests_of(run) == []


def test_when_a_run_has_ended_its_model_is_asked(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    run = living_run(project)
    desk.session.show(project.images[0])
    desk.training.show(run, state="training", step=3)
    qtbot.waitUntil(lambda: len(requests_of(run)) == 1)

    use_model(desk, project)
    desk.training.show(None)
    desk.training.ended.emit(None)

    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)
    assert not desk.looking.teacher.lives


def test_an_image_that_a_run_does_not_know_is_shown_by_the_model(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    said: list[str] = []
    desk.session.said.connect(lambda text, problem: said.append(text))
    use_model(desk, project)
    run = living_run(project)
    desk.session.show(project.images[0])
    desk.training.show(run, state="training", step=3)
    qtbot.waitUntil(lambda: len(requests_of(run)) == 1)

    request = requests_of(run)[0].stem
    desk.training.happened.emit(
        {"event": "refused", "request": request, "sentence": "There is no image."}
    )
    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)

    assert said == []


def test_after_closing_nothing_is_asked(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    use_model(desk, project)
    desk.session.show(project.images[0])

    desk.looking.close()
    desk.camera.zoom = 9
    waited(qtbot)

    assert desk.server.asked == []


# -- other rounds ---------------------------------------------------------------------


def test_the_model_of_another_round_is_asked_in_the_place_of_the_one_in_use(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    older = finished_run(project, "older", ended="2025-01-01T00:00:00+00:00")
    ask_first(desk, project, qtbot)
    desk.server.answer("preview-1", WHOLE)
    assert not desk.teacher.alone

    with qtbot.waitSignal(desk.looking.teacher_changed):
        desk.looking.view(older)

    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)
    name = project.images[0].id
    assert desk.server.asked[1] == ("preview", (name, WHOLE, older.id))
    desk.server.answer("preview-2", WHOLE)
    # Nothing that the other model has seen elsewhere may stay.
    assert desk.teacher.alone
    with qtbot.waitSignal(desk.looking.teacher_changed):
        desk.looking.view(None)
    qtbot.waitUntil(lambda: len(desk.server.asked) == 3)
    assert desk.server.asked[2] == ("preview", (name, WHOLE))


def test_a_late_answer_of_a_round_that_was_left_is_not_shown(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    older = finished_run(project, "older", ended="2025-01-01T00:00:00+00:00")
    ask_first(desk, project, qtbot)
    desk.looking.view(older)
    qtbot.waitUntil(lambda: len(desk.server.asked) == 2)

    desk.server.answer("preview-1", WHOLE)
    assert desk.teacher.answers == []

    desk.server.answer("preview-2", WHOLE)
    assert len(desk.teacher.answers) == 1


def test_a_round_is_looked_at_also_while_a_run_trains(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    older = finished_run(project, "older", ended="2025-01-01T00:00:00+00:00")
    use_model(desk, project)
    run = living_run(project)
    desk.training.show(run, state="training", step=1, device="cpu")
    desk.session.show(project.images[0])

    desk.looking.view(older)

    qtbot.waitUntil(lambda: len(desk.server.asked) == 1)
    assert desk.looking.teacher == Teacher(older, lives=False)
    desk.looking.view(None)
    assert desk.looking.teacher == Teacher(run, lives=True)
