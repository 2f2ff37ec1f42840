"""The project's server, seen from the program that started it: start, follow, stop.

While no run trains, a process of its own holds the model in use: it answers previews,
ranks images, exports, and measures the pace of a training. It speaks by files, as a
run does: requests (:mod:`runs.asking`) in ``control``, arrays in ``previews``, answers
in ``events.jsonl``:

``ready``
    ``devices`` (each ``name, kind, words, free_bytes, total_bytes``),
    ``default_device``, ``model`` (a run's id, or null).
``model``
    Another model came into use: ``run`` (or null).
``preview``, ``refused``
    As a run's, the former with ``model``, the run that answered. Whatever fails is
    refused: ``request``, ``sentence``.
``ranked``
    ``request, done, total, image_id, confidence, n_objects, inconsistency,
    instability, fragility, disagreement, reliability, outside, score, reason, box`` as
    in `api.RankedImage`; ``box`` is a list of origin and size. Nulls and a ``sentence``
    for an image that cannot be read. ``score, reason, box`` are provisional.
``ranked_all``
    The end of it: ``order``, the ids of the images in the order to work through, and
    ``images``, of each ``image_id, score, reason, box`` as they are for good.
``exporting``
    ``request, image`` (its name), ``number, total`` (images), ``done, tiles``; at most
    five a second.
``exported``
    ``request, folder, report`` (`OutputReport.as_dict`).
``pace``
    ``request, seconds_per_step`` (by stage), ``steps_per_minute, total_steps``.
``cancelled``
    ``request``: was cancelled, or a newer one of its kind came.
``alive``, ``closed``
    A sign of life; the last word.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.runs.control import send
from napari_semiseg.runs.events import EventFollower
from napari_semiseg.runs.liveness import identify
from napari_semiseg.runs.modesty import be_modest
from napari_semiseg.runs.server_folder import ServerFolder, remove_dead_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from napari_semiseg.runs.events import Event

_COMMAND = (sys.executable, "-m", "napari_semiseg")
_POLL = 0.1  # Seconds between two looks at the events.


@dataclass(frozen=True)
class RunningServer:
    """A server that this process started; keep it, and poll it."""

    folder: ServerFolder
    popen: subprocess.Popen[bytes]

    def poll(self) -> int | None:
        """Exit code, None while it runs; also clears the zombie away."""
        return self.popen.poll()

    def stop(self, timeout: float = 5.0) -> int:
        """End it: a message, then terminate, then kill; returns the exit code.

        Parameters
        ----------
        timeout
            Seconds to wait for each of the first two.
        """
        with contextlib.suppress(SemisegError, OSError):
            send(self.folder.control, "stop")
        for end in (self.popen.terminate, self._kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.popen.wait(timeout)
            end()
        return self.popen.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(self.popen.pid, signal.SIGKILL)
            else:
                self.popen.kill()


def start_server(
    project_folder: Path,
    *,
    parent: int | None = None,
    device: str = "auto",
    command: Sequence[str] = _COMMAND,
) -> RunningServer:
    """Start a server for a project; it ends by itself when its parent is gone.

    Folders that dead servers left are removed.

    Parameters
    ----------
    project_folder
        The project.
    parent
        Number of the process it works for; None: this one.
    device
        Where it predicts, as for ``napari-semiseg predict``.
    command
        The program; tests put their own.
    """
    remove_dead_servers(project_folder)
    working_for = os.getpid() if parent is None else parent
    session = f"{working_for}-{uuid.uuid4().hex[:8]}"
    folder = ServerFolder.of(project_folder, session)
    make_folder(folder.control)
    make_folder(folder.previews)
    options = ("--session", session, "--parent", str(working_for), "--device", device)
    popen = _spawn(folder, (*command, "serve", str(project_folder), *options))
    return RunningServer(folder, popen)


def follow_server(
    server: RunningServer,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Events of a server, each as it comes, until it closes.

    Blocks between events: for a thread of its own. A server that dies without a word
    gives one more event, ``lost`` with a ``sentence``.

    Parameters
    ----------
    server
        As `start_server` returned it.
    should_stop
        Asked between two looks; ends the iteration.
    wait
        Lets seconds pass.
    """
    follower = EventFollower(server.folder.events)
    while not should_stop():
        # Ask before the last read: what it wrote while dying must not be lost.
        ended = server.poll() is not None
        for event in follower.read():
            yield event
            if event.get("event") == "closed":
                return
        if ended:
            sentence = _lost_sentence(server.folder)
            yield {"event": "lost", "time": time.time(), "sentence": sentence}
            return
        wait(_POLL)


def _spawn(folder: ServerFolder, command: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    # Threads that spin while they wait cost ten times the time on a busy computer.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with folder.log.open("ab") as log:
        popen = subprocess.Popen(
            list(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with contextlib.suppress(psutil.Error, OSError):
        be_modest(popen.pid)  # Painting must stay smooth.
        write_json(folder.process_file, identify(popen.pid).model_dump())
    return popen


def _lost_sentence(folder: ServerFolder) -> str:
    words = ""
    with contextlib.suppress(OSError):
        tail = folder.log.read_bytes()[-2000:].decode(errors="replace").strip()
        line = tail.rsplit("\n", maxsplit=1)[-1].strip()
        words = f" Its last words: {line[:300]}" if line else ""
    return (
        "The program that predicts in the background has ended without a word: it was "
        f"killed, perhaps for want of memory. It can be started again.{words}"
    )
