"""How a run stands, told from its folder alone."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.events import last_events
from napari_semiseg.runs.liveness import TrainingProcess, is_alive
from napari_semiseg.runs.record import ACTIVE, RunState

if TYPE_CHECKING:
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord

SPAWNED = "spawned.json"
"""Names the process of a run until it has written its own name into the record."""

_SPAWNING = 10.0  # Seconds that a spawned process may take to be known.
_SILENCE = 300.0  # Seconds without an event after which a foreign run seems dead.


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes
    ----------
    state
        As the run says itself, or ``died`` when its process is gone without a word.
    step, n_steps
        Steps made and to be made; None while unknown.
    seconds_left
        Estimated from the latest steps; None when it cannot be told.
    sentence
        The same for a person.
    alive
        Whether its process runs; None when it runs on another machine.
    """

    state: RunState | Literal["died"]
    step: int | None
    n_steps: int | None
    seconds_left: float | None
    sentence: str
    alive: bool | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen without a new start."""
        return self.state not in ACTIVE


def status(run: RunFolder) -> RunStatus:
    """Tell how a run stands; works for runs this process did not start."""
    record = run.record()
    alive = _just_asked(run, record) or is_alive(training_process(run, record))
    # Liveness was asked before: what a dying process wrote last is in these events.
    record = run.record()
    events = last_events(run.events)
    step, n_steps = _progress(record, events)
    died = record.state in ACTIVE and alive is False
    return RunStatus(
        state="died" if died else record.state,
        step=step,
        n_steps=n_steps,
        seconds_left=_seconds_left(record, events, step, n_steps),
        sentence=_sentence(run, record, events, alive, step),
        alive=alive if record.state in ACTIVE else False,
    )


def _just_asked(run: RunFolder, record: RunRecord) -> bool:
    """Whether the process of a new run may not have got its name yet."""
    nameless = record.state == "starting" and training_process(run, record) is None
    return nameless and time.time() - record.asked < _SPAWNING


def training_process(run: RunFolder, record: RunRecord) -> TrainingProcess | None:
    """Who trains; for a run that has only been spawned, the spawned process."""
    if record.state != "starting":
        return record.process
    try:
        spawned = TrainingProcess.model_validate(read_json(run.path / SPAWNED))
    except (OSError, SemisegError, ValidationError):
        return record.process
    return spawned


def _progress(record: RunRecord, events: list[Event]) -> tuple[int | None, int | None]:
    step = next((e["step"] for e in reversed(events) if "step" in e), None)
    n_steps = next((e["n_steps"] for e in reversed(events) if "n_steps" in e), None)
    return step, n_steps if n_steps is not None else record.total_steps


def _seconds_left(
    record: RunRecord, events: list[Event], step: int | None, n_steps: int | None
) -> float | None:
    if record.state != "training" or step is None or n_steps is None:
        return None
    times = [e["time"] for e in events if e.get("event") == "step"][-50:]
    if len(times) < 2:
        return None
    # The median shrugs off pauses, checkpoints and the warm-up.
    pace = statistics.median(after - before for before, after in pairwise(times))
    return float((n_steps - step) * pace)


def _sentence(
    run: RunFolder,
    record: RunRecord,
    events: list[Event],
    alive: bool | None,
    step: int | None,
) -> str:
    if record.state not in ACTIVE:
        return record.failure or record.verdict or f"The run has {record.state}."
    if alive is False:
        return _death(run, events, step)
    if alive is None:
        return _far_away(record, events)
    return {
        "starting": "The training process is starting.",
        "training": "Training.",
        "paused": "Paused. Resume to go on.",
        "finishing": "The model is being evaluated and saved.",
    }[record.state]


def _death(run: RunFolder, events: list[Event], step: int | None) -> str:
    for event in reversed(events):
        if event.get("event") == "failed":
            return str(event["sentence"])
        if event.get("event") in {"started", "resumed"}:
            break
    where = "" if step is None else f" at step {step}"
    remedy = (
        "Start it again."
        if run.checkpoint is None
        else "Resume continues from its last checkpoint."
    )
    words = _last_words(run)
    return (
        f"The training process ended without a word{where}: it was killed, perhaps for "
        f"want of memory, or the computer went down. {remedy}{words}"
    )


def _last_words(run: RunFolder) -> str:
    try:
        tail = run.log.read_bytes()[-2000:].decode(errors="replace").strip()
    except OSError:
        return ""
    line = tail.rsplit("\n", maxsplit=1)[-1].strip()
    return f" Its last words: {line[:300]}" if line else ""


def _far_away(record: RunRecord, events: list[Event]) -> str:
    host = record.process.hostname if record.process else "another computer"
    heard = events[-1]["time"] if events else record.asked
    age = max(0.0, time.time() - heard)
    seems = " It seems dead." if age > _SILENCE else ""
    return (
        f"It trains on {host}: from here nobody can tell whether it still runs. "
        f"Its last sign of life is {age:.0f} s old.{seems}"
    )
