"""A server in a process of its own, asked as the viewer asks it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_semiseg.api.proposals import Proposals
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import load_settings, make_settings
from napari_semiseg.learning.model import Model
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.project.project import Project
from napari_semiseg.runs import asking
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.liveness import this_process
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.server_folder import ServerFolder
from napari_semiseg.runs.serving import follow_server, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.serving import RunningServer

    Start = Callable[..., RunningServer]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX"),
]


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


def test_previews_rank_and_export_from_start_to_stop(
    trained: Path, start: Start, tmp_path: Path
) -> None:
    project = Project.open(trained)
    run = model_in_use(project)
    assert run is not None
    leftover = ServerFolder.of(trained, "old")
    make_folder(leftover.previews)
    me = this_process()
    dead = me.model_copy(update={"created": me.created - 1000})
    write_json(leftover.process_file, dead.model_dump())

    server = start(trained)
    assert not leftover.path.exists()
    events = follow_server(server)
    ready = until(events, "ready")
    assert ready["model"] == run.id
    assert ready["default_device"] == "cpu"
    assert ready["devices"][-1]["kind"] == "cpu"
    ids = [project.image(name).id for name in ("cells0", "cells1")]
    request = asking.request_preview(server.folder, ids[1], Box((8, 16), (40, 50)))
    event = until(events, "preview")
    assert (event["request"], event["model"]) == (request.id, run.id)
    probability = np.load(server.folder.previews / event["files"]["probability"])
    whole = Proposals(project, "cpu").predict(project.image("cells1"))
    np.testing.assert_allclose(
        probability, whole.probability[:, 8:48, 16:66], atol=1e-4
    )

    asking.request_ranking(server.folder)
    ranked = [until(events, "ranked") for _ in ids]
    # The image predicted just now comes at once, the one that is not finished next.
    assert [one["image_id"] for one in ranked] == ids[::-1]
    assert [(one["done"], one["total"]) for one in ranked] == [(1, 2), (2, 2)]
    assert all(0 <= one["score"] <= 1 and one["reason"] for one in ranked)
    final = until(events, "ranked_all")
    assert final["order"] == ids[::-1]
    assert [one["image_id"] for one in final["images"]] == final["order"]
    assert len(final["images"][0]["box"]) == 2

    with annotation_lock(project):  # As the viewer holds it.
        asking.request_export(server.folder, tmp_path / "out", images=ids[:1])
        event = until(events, "exported")
    assert [one["name"] for one in event["report"]["written"]] == ["cells0.tif"]
    assert (tmp_path / "out" / "cells0.csv").is_file()

    settings = make_settings(
        "supervised", changes=load_settings(trained.parent / "small.toml")
    )
    asking.request_pace(server.folder, settings, minutes=2)
    event = until(events, "pace")
    assert event["seconds_per_step"]["supervised"] > 0
    assert event["total_steps"] == pytest.approx(2 * event["steps_per_minute"], abs=1)

    assert server.stop(timeout=60) == 0
    assert [event["event"] for event in events] == ["closed"]
    assert not server.folder.previews.exists()


def test_the_model_of_another_round_answers_where_it_is_asked(
    trained: Path, start: Start
) -> None:
    project = Project.open(trained)
    used = model_in_use(project)
    assert used is not None
    other = RunFolder(used.path.with_name(f"{used.id}-2"))
    shutil.copytree(used.path, other.path)
    other.update(id=other.id, accepted=False)
    model = Model.load(other.model)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(0.5)
    model.save(other.model)
    item, box = project.image("cells1"), Box((8, 16), (40, 50))
    server = start(trained)
    events = follow_server(server)
    until(events, "ready")

    seen = []
    for name in ("", other.id, used.id):
        asking.request_preview(server.folder, item.id, box, run=name)
        event = until(events, "preview")
        path = server.folder.previews / event["files"]["probability"]
        seen.append((event["model"], np.load(path)))

    assert [model for model, _ in seen] == [used.id, other.id, used.id]
    np.testing.assert_array_equal(seen[0][1], seen[2][1])
    expected = Proposals(project, "cpu", other).predict(item).probability
    np.testing.assert_allclose(seen[1][1], expected[:, 8:48, 16:66], atol=1e-4)
    assert np.abs(seen[1][1] - seen[0][1]).max() > 0.05
    asking.request_preview(server.folder, item.id, box, run="gone")
    refused = next(event for event in events if event["event"] == "refused")
    assert "There is no run gone" in refused["sentence"]


def test_it_dies_with_its_parent(trained: Path, start: Start) -> None:
    waiting = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as parent:
        server = start(trained, parent=parent.pid)
        events = follow_server(server)
        until(events, "ready")
        parent.kill()
    assert [event["event"] for event in events] == ["closed"]
    assert server.popen.wait(60) == 0


def test_killed_server_is_lost_with_a_sentence(trained: Path, start: Start) -> None:
    server = start(trained)
    os.killpg(server.popen.pid, signal.SIGKILL)
    (event,) = follow_server(server)
    assert event["event"] == "lost"
    assert "started again" in event["sentence"]


def test_what_fails_at_the_start_is_told(tmp_path: Path, start: Start) -> None:
    (event,) = follow_server(start(tmp_path))
    assert event["event"] == "lost"
    assert "is not a project" in event["sentence"]
