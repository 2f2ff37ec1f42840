"""A server in a process of its own, asked as the viewer asks it."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project
from napari_semiseg.runs.asking import request_preview
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.serving import follow_server, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.serving import RunningServer

    Start = Callable[..., RunningServer]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers; whatever happens, they are killed."""
    started: list[RunningServer] = []

    def begin(project: Path, **options: object) -> RunningServer:
        started.append(start_server(project, device="cpu", **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for server in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.popen.pid, signal.SIGKILL)
        server.popen.wait(30)


def until(events: Iterator[Event], name: str) -> Event:
    for event in events:
        if event["event"] == name:
            return event
        assert event["event"] not in ("lost", "closed", "refused"), event
    raise AssertionError(name)


def test_preview_from_start_to_stop(trained: Path, start: Start) -> None:
    project = Project.open(trained)
    run = model_in_use(project)
    assert run is not None
    server = start(trained)
    events = follow_server(server)
    ready = until(events, "ready")
    assert ready["model"] == run.id
    assert ready["default_device"] == "cpu"
    assert ready["devices"][-1]["kind"] == "cpu"
    request = request_preview(
        server.folder, project.image("cells1").id, Box((8, 16), (40, 50))
    )
    event = until(events, "preview")
    assert (event["request"], event["model"]) == (request.id, run.id)
    probability = np.load(server.folder.previews / event["files"]["probability"])
    assert probability.shape == (3, 40, 50)
    assert server.stop(timeout=60) == 0
    assert [event["event"] for event in events] == ["closed"]
    assert not server.folder.previews.exists()
