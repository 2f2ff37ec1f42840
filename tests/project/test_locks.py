from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.locks import (
    LockHolder,
    alive,
    annotation_holder,
    annotation_lock,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

HOLD = """
import sys
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.project.project import Project
with annotation_lock(Project.open(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other_program(project: Project) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the annotations until a line is sent to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(project.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_sentence_names_the_other_program(
    project: Project, item: ImageItem, other_program: subprocess.Popen[str]
) -> None:
    store = AnnotationStore(project)
    who = f"process {other_program.pid} on {socket.gethostname()}"
    with pytest.raises(SemisegError, match=who):
        store.add_tile(item, Box((0, 0), (16, 16)))
    assert store.tiles(item) == []
    holder = annotation_holder(project)
    assert holder is not None
    assert holder.pid == other_program.pid
    other_program.communicate("done\n")
    assert annotation_holder(project) is None
    store.add_tile(item, Box((0, 0), (16, 16)))


def test_the_lock_of_a_killed_program_is_stale(
    project: Project, item: ImageItem, other_program: subprocess.Popen[str]
) -> None:
    other_program.send_signal(signal.SIGKILL)
    other_program.wait()
    assert (project.folder / ".annotations.json").exists(), "nobody tidied up"
    assert annotation_holder(project) is None
    AnnotationStore(project).add_tile(item, Box((0, 0), (16, 16)))


def test_two_commands_find_the_lock_of_their_own_process_open(project: Project) -> None:
    with annotation_lock(project):
        with annotation_lock(project):
            pass
        holder = annotation_holder(project)
        assert holder is not None, "the outer one still holds it"
        assert holder.pid == os.getpid()
    assert annotation_holder(project) is None


def test_threads_do_not_lose_each_others_tiles(
    project: Project, item: ImageItem
) -> None:
    store = AnnotationStore(project)
    empty = Annotation.complete(np.zeros((4, 4), np.int32))
    threads = [
        threading.Thread(target=store.save, args=(item, Box((0, 4 * n), (4, 4)), empty))
        for n in range(8)
    ]
    with annotation_lock(project):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(store.tiles(item)) == 8


def test_another_computer_cannot_be_judged(project: Project) -> None:
    foreign = LockHolder(
        pid=1, created=0, host="elsewhere", since="2026-01-01T10:00:00"
    )
    assert foreign.alive is None
    write_json(project.folder / ".annotations.json", foreign.model_dump())
    holder = annotation_holder(project)
    assert holder is not None
    assert holder.words == "process 1 on elsewhere since 2026-01-01 10:00:00"


def test_a_number_used_again_is_another_process() -> None:
    assert not alive(os.getpid(), created=0.0)


def test_a_zombie_does_not_live() -> None:
    import psutil

    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    created = psutil.Process(process.pid).create_time()
    assert alive(process.pid, created)
    process.kill()
    # Ended, but not yet waited for.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not alive(process.pid, created)
    process.communicate()
    assert not alive(process.pid, created)
