from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from napari_semiseg.runs.liveness import TrainingProcess, is_alive, this_process


def test_this_process_lives_and_survives_json() -> None:
    me = TrainingProcess.model_validate_json(this_process().model_dump_json())
    assert me == this_process()
    assert is_alive(me) is True


def test_nobody_is_dead() -> None:
    assert is_alive(None) is False


def test_number_used_again_is_another_process() -> None:
    me = this_process()
    assert is_alive(me.model_copy(update={"created": me.created - 60})) is False
    assert is_alive(me.model_copy(update={"created": me.created - 1})) is True


def test_other_machine_cannot_be_told() -> None:
    assert is_alive(this_process().model_copy(update={"hostname": "node17"})) is None


def test_other_boot_is_dead() -> None:
    assert is_alive(this_process().model_copy(update={"boot_id": "another"})) is False


@pytest.mark.skipif(os.name != "posix", reason="zombies are a matter of POSIX")
def test_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        created = psutil.Process(child.pid).create_time()
        known = this_process().model_copy(update={"pid": child.pid, "created": created})
        assert is_alive(known) is True
        child.kill()
        # Wait for the end without reaping it.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.pid_exists(child.pid)
        assert is_alive(known) is False
    finally:
        child.kill()
        child.communicate()
    assert is_alive(known) is False
