from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import (
    FakeImages,
    FakeKeys,
    FakeServer,
    FakeTeacher,
    FakeTraining,
    fake_desk,
    finished_run,
    living_run,
)
from projects import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.runs.reliability import write_reliability
from napari_semiseg.runs.sizes import RegionSize, SizeReport, write_sizes
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.review.reviewing import Reviewing
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.looking import Looking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.folder import RunFolder

WHOLE = Box((0, 0), (96, 112))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {0: [(WHOLE, "training")]})


@pytest.fixture
def desk(project: Project, tmp_path: Path, viewer: Any) -> Iterator[Any]:
    """A real session, looking and reviewing; no project is open yet."""
    session = Session()
    made = fake_desk(
        session,
        viewer,
        keys=FakeKeys(),
        server=FakeServer(tmp_path / "previews"),
        training=FakeTraining(),
        teacher=FakeTeacher(WHOLE),
        images=FakeImages(session),
        background=Background(session),
    )
    made.looking = Looking(made)
    made.reviewing = Reviewing(made)
    made.said = []
    session.said.connect(lambda text, problem: made.said.append(text))
    yield made
    made.reviewing.close()
    made.looking.close()
    session.close()
    made.background.close()


def rank(run: RunFolder, project: Project, *scores: float | None) -> None:
    ranked = [
        SimpleNamespace(image_id=item.id, score=score, confidence=0.9, round=1)
        for item, score in zip(project.images, scores, strict=True)
    ]
    write_reliability(run.reliability, ranked)


def report(project: Project, *sizes: float | None) -> SizeReport:
    images = {
        item.id: (RegionSize(0.1, 0.2, size, 0.15),)
        for item, size in zip(project.images, sizes, strict=True)
    }
    return SizeReport(
        ("object",), ((0.1,),), (0.2,), (0.3,), (True,), "Sure.", "regressed", images
    )


def order(desk: Any, project: Project) -> list[str]:
    names = {item.id: item.name for item in project.images}
    return [names[one.image_id] for one in desk.reviewing.ranking.queue.in_order()]


def asked_to_rank(desk: Any) -> int:
    return sum(kind == "rank" for kind, _ in desk.server.asked)


def open_and_show(desk: Any, project: Project) -> None:
    desk.session.open(project)
    desk.session.show(project.images[0])


def test_the_ranking_of_the_training_is_there_without_asking(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    rank(finished_run(project), project, 0.9, 0.43, 0.7)

    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) == 3)

    assert order(desk, project) == ["cells1.tif", "cells2.tif", "cells0.tif"]
    assert asked_to_rank(desk) == 0

    desk.keys.bound["next image"]()
    assert desk.session.item == project.images[1]


def test_images_that_the_project_lost_are_left_out(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    run = finished_run(project)
    gone = SimpleNamespace(image_id="gone", score=0.1, confidence=0.9, round=1)
    here = SimpleNamespace(
        image_id=project.images[2].id, score=0.6, confidence=0.9, round=1
    )
    write_reliability(run.reliability, [here, gone])

    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) > 0)

    assert order(desk, project) == ["cells2.tif"]


def test_a_run_that_trains_brings_its_ranking_at_once(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    rank(finished_run(project), project, 0.9, 0.43, 0.7)
    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) == 3)
    run = living_run(project)
    desk.training.show(run, state="training", step=3)

    rank(run, project, 0.2, 0.8, 0.3)
    desk.training.happened.emit({"event": "reliability", "images": []})
    qtbot.waitUntil(
        lambda: order(desk, project) == ["cells0.tif", "cells2.tif", "cells1.tif"]
    )

    # Its model was not taken: what the other one's training found holds again.
    desk.training.show(None)
    desk.training.ended.emit(
        SimpleNamespace(
            accepted=None, verdict=None, tuned_on=None, scores={}, arm_of=None
        )
    )
    qtbot.waitUntil(lambda: order(desk, project)[0] == "cells1.tif")


def test_steps_of_a_run_are_no_reason_to_read(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    finished_run(project)
    open_and_show(desk, project)
    qtbot.waitUntil(lambda: not desk.reviewing.reports._soon.isActive())

    desk.training.happened.emit({"event": "step", "step": 3})

    assert not desk.reviewing.reports._soon.isActive()


def test_violators_enter_the_queue_the_worst_first(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    run = finished_run(project)
    write_sizes(run.sizes, report(project, 0.15, 0.31, 0.22))

    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) == 2)

    assert order(desk, project) == ["cells1.tif", "cells2.tif"]
    first = desk.reviewing.ranking.upcoming()
    assert first.reason == "31 %, expected 10 to 20 %"
    assert desk.reviewing.reports.now.sizes.sentence == "Sure."


def test_after_the_violators_the_model_is_asked_for_others(
    desk: Any, project: Project, qtbot: QtBot
) -> None:
    run = finished_run(project)
    write_sizes(run.sizes, report(project, 0.15, 0.31, 0.15))
    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) == 1)

    desk.reviewing.ranking.go_next()
    assert desk.session.item == project.images[1]
    assert asked_to_rank(desk) == 0

    desk.reviewing.ranking.go_next()
    assert asked_to_rank(desk) == 1


def test_another_project_knows_nothing_of_it(
    desk: Any, project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    rank(finished_run(project), project, 0.9, 0.43, 0.7)
    open_and_show(desk, project)
    qtbot.waitUntil(lambda: len(desk.reviewing.ranking.queue) == 3)

    desk.session.open(make_project(tmp_path / "other", {}))

    assert len(desk.reviewing.ranking.queue) == 0


def test_a_damaged_report_is_said(desk: Any, project: Project, qtbot: QtBot) -> None:
    run = finished_run(project)
    run.reliability.write_text("image_id\nx\n")

    open_and_show(desk, project)
    qtbot.waitUntil(lambda: bool(desk.said))

    assert "is damaged" in desk.said[0]


def test_images_with_corrections_are_known(desk: Any, project: Project) -> None:
    finished_run(project)
    open_and_show(desk, project)
    ranking = desk.reviewing.ranking
    assert ranking.corrected() == set()

    desk.session.corrected.emit(project.images[1].id, WHOLE)

    assert ranking.corrected() == {project.images[1].id}
    # All was given back, and is no longer on the disk.
    desk.session.corrections_changed.emit(project.images[1].id)
    assert ranking.corrected() == set()
