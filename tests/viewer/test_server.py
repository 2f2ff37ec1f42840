from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_server import COMMAND
from projects import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.learning.settings import ActisSettings
from napari_semiseg.runs.liveness import is_alive
from napari_semiseg.runs.server_folder import ServerFolder
from napari_semiseg.runs.serving import start_server
from napari_semiseg.viewer.server import Server
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "project", {})
    (project.folder / "behaviour.txt").write_text("plain")
    return project


@pytest.fixture
def session(project: Project, qtbot: QtBot) -> Iterator[Session]:
    session = Session()
    session.open(project)
    yield session
    session.close()


@pytest.fixture
def server(session: Session, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Of a fake child; its signals' arguments are listed in ``heard``."""
    start = functools.partial(start_server, command=COMMAND)
    server = Server(types.SimpleNamespace(session=session), start)
    yield server
    server.close()
    assert server.wait_ended(20)


def listen(signal: object) -> list[dict]:
    heard: list[dict] = []
    signal.connect(heard.append)
    return heard


def behave(project: Project, how: str) -> None:
    (project.folder / "behaviour.txt").write_text(how)


def test_nothing_runs_until_something_is_asked(server: Server) -> None:
    assert not server.running
    assert server.devices == ()
    assert server.previews is None


def test_warming_makes_the_devices_known(server: Server, qtbot: QtBot) -> None:
    with qtbot.waitSignal(server.ready, timeout=20_000):
        server.warm()

    assert [device.name for device in server.devices] == ["cpu"]
    assert server.default_device == "cpu"


def test_a_preview_is_answered_with_arrays(
    server: Server, project: Project, qtbot: QtBot
) -> None:
    heard = listen(server.answered)
    box = Box((0, 0), (40, 50))

    request = server.ask_preview(project.images[0], box)
    qtbot.waitUntil(lambda: bool(heard), timeout=20_000)

    (event,) = heard
    assert (event["event"], event["request"]) == ("preview", request)
    probability = np.load(server.previews / event["files"]["probability"])
    assert probability.shape == (3, 40, 50)


def test_every_kind_of_answer_has_its_signal(
    server: Server, project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    previews, ranked = listen(server.answered), listen(server.ranked)
    exports, paces = listen(server.export_event), listen(server.paced)

    server.ask_rank()
    server.ask_export(tmp_path / "out", images=[project.images[0].id])
    server.ask_pace(ActisSettings())
    qtbot.waitUntil(
        lambda: bool(
            paces
            and exports
            and exports[-1]["event"] == "exported"
            and ranked
            and ranked[-1]["event"] == "ranked_all"
        ),
        timeout=30_000,
    )

    assert previews == []
    assert [event["event"] for event in ranked] == [*["ranked"] * 3, "ranked_all"]
    assert exports[0]["event"] == "exporting"
    assert paces[0]["steps_per_minute"] == 120


def test_a_refusal_comes_where_the_answer_would(server: Server, qtbot: QtBot) -> None:
    paces = listen(server.paced)

    server.ask_pace(ActisSettings(), device="cuda")
    qtbot.waitUntil(lambda: bool(paces), timeout=20_000)

    assert paces[0]["event"] == "refused"
    assert paces[0]["sentence"] == "There is no GPU here: choose cpu."


def test_an_export_is_cancelled(server: Server, tmp_path: Path, qtbot: QtBot) -> None:
    events = listen(server.export_event)
    request = server.ask_export(tmp_path / "out")
    qtbot.waitUntil(lambda: bool(events), timeout=20_000)

    server.cancel(request)
    qtbot.waitUntil(lambda: events[-1]["event"] not in ("exporting",), timeout=20_000)

    assert events[-1] == {**events[-1], "event": "cancelled", "request": request}


def test_a_dead_server_is_reported_and_started_again(
    server: Server, project: Project, qtbot: QtBot
) -> None:
    lost, answers = listen(server.lost), listen(server.answered)
    behave(project, "dies")
    first = server.ask_preview(project.images[0], Box((0, 0), (32, 32)))
    qtbot.waitUntil(lambda: bool(lost), timeout=20_000)

    assert "ended without a word" in lost[0]
    assert answers == [{"event": "cancelled", "request": first}]
    assert not server.running

    behave(project, "plain")
    second = server.ask_preview(project.images[0], Box((0, 0), (32, 32)))
    qtbot.waitUntil(lambda: len(answers) == 2, timeout=20_000)

    assert answers[1]["event"] == "preview"
    assert answers[1]["request"] == second


def test_leaving_the_project_ends_the_process(
    server: Server, session: Session, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(server.ready, timeout=20_000):
        server.warm()
    process = ServerFolder(server.previews.parent).process

    session.close()

    assert not server.running
    assert server.wait_ended(20)
    assert is_alive(process) is False


def test_what_was_asked_of_a_server_that_is_left_counts_as_cancelled(
    server: Server, project: Project, qtbot: QtBot
) -> None:
    answers = listen(server.answered)
    behave(project, "deaf")
    request = server.ask_preview(project.images[0], Box((0, 0), (32, 32)))

    server.stop()

    assert answers == [{"event": "cancelled", "request": request}]


def test_a_full_disk_is_said_and_nothing_is_asked(
    session: Session, qtbot: QtBot
) -> None:
    def start(folder: Path) -> object:
        raise OSError("No space left on device")

    said: list[str] = []
    session.said.connect(lambda text, problem: said.append(text))
    server = Server(types.SimpleNamespace(session=session), start)

    assert server.ask_rank() is None
    assert said == ["No space left on device"]
    server.close()


def test_without_a_project_nothing_starts(server: Server, session: Session) -> None:
    session.close()

    server.warm()

    assert not server.running


def test_after_closing_nothing_is_asked(server: Server) -> None:
    server.close()
    server.close()

    assert server.ask_rank() is None


@pytest.mark.slow
def test_the_real_server_tells_its_devices(session: Session, qtbot: QtBot) -> None:
    server = Server(types.SimpleNamespace(session=session))
    refused = listen(server.answered)
    with qtbot.waitSignal(server.ready, timeout=120_000):
        server.warm()
    assert "cpu" in [device.name for device in server.devices]

    # There is no model yet.
    server.ask_preview(session.opened.images[0], Box((0, 0), (32, 32)))
    qtbot.waitUntil(lambda: bool(refused), timeout=60_000)
    assert refused[0]["event"] == "refused"

    server.close()
    assert server.wait_ended(30)
