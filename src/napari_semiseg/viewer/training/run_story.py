"""Follows the events of one run and tells how it stands; knows no Qt."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_semiseg.runs.measured import measured, scores_of
from napari_semiseg.viewer.training.run_view import SENTENCES, Curves, RunView
from napari_semiseg.viewer.training.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord
    from napari_semiseg.runs.status import RunStatus
    from napari_semiseg.viewer.training.run_view import RunViewState

SCORES = ("ap", "mean_iou", "f1", "s_dsb")
"""Names of validation scores; the first that a run knows is drawn,
else whichever it knows."""

# What an event says about the state. That a run has ended is told by its record.
_STATES: dict[str, RunViewState] = {
    "started": "training",
    "resumed": "training",
    "paused": "paused",
    "unpaused": "training",
    "finishing": "finishing",
}
_ANSWERS: dict[str, RunViewState] = {"pause": "pausing", "stop": "stopping"}
_RECENT = 50  # Steps whose pace counts.


class RunStory:
    """Takes the events of a run one by one, from the first.

    Events from before the latest start only draw the curves: a run that is being
    resumed is *starting*, whatever its last words were.

    Parameters
    ----------
    run_id
        Of the run.
    record
        As ``run.json`` stands when the following begins.
    """

    def __init__(self, run_id: str, record: RunRecord) -> None:
        self._since = record.asked
        self._loss, self._coverage, self._score = Trace(), Trace(), Trace()
        self._pace = _Pace()
        self._stage_words: Mapping[str, str] = {}
        self._messages: dict[str, None] = {}
        self._view = RunView(
            run_id=run_id,
            method=record.method,
            state="starting",
            sentence=SENTENCES["starting"],
            n_steps=record.total_steps,
            device=record.device,
            compare=record.compare,
            arm_of=record.arm_of,
            check_of=record.check_of,
        )
        self._tell(*record.messages, *record.changes)

    def take(self, event: Event) -> None:
        """Read one event."""
        name = event.get("event")
        if name == "step":
            self._take_step(event)
        elif name == "preparing":
            self._take_stage(event["stage"], str(event["sentence"]))
        elif name == "resumed":
            self._cut(event["step"])
        if "n_steps" in event:
            self._view = replace(self._view, n_steps=event["n_steps"])
        self._tell(*(event.get("messages") or ()), event.get("message"))
        if name == "batch":
            self._tell(event["sentence"])
        if event.get("time", 0.0) >= self._since:
            self._take_state(event)

    def end(self, status: RunStatus, record: RunRecord, *, resumable: bool) -> None:
        """Read what the record says once nothing more is to come."""
        self._tell(*record.messages, *record.changes)
        state: RunViewState = status.state
        self._view = replace(
            self._view,
            state=state,
            sentence=status.sentence,
            accepted=record.accepted,
            verdict=record.verdict,
            tuned_on=measured(record).on,
            scores=scores_of(record),
            device=record.device or self._view.device,
            resumable=resumable and state != "finished",
        )

    def know_device(self, device: str | None) -> None:
        """Note where it trains, which its record says once it has begun."""
        self._view = replace(self._view, device=device)

    @property
    def view(self) -> RunView:
        """The run as it stands."""
        left = None
        if self._view.state in ("training", "pausing"):
            left = self._pace.seconds_left(self._view.step, self._view.n_steps)
        return replace(
            self._view,
            seconds_left=left,
            messages=tuple(self._messages),
            curves=Curves(self._loss.curve, self._coverage.curve, self._score.curve),
        )

    def _take_step(self, event: Event) -> None:
        step = event["step"]
        self._take_stage(event["stage"], "")
        memory = event.get("device_bytes") or self._view.memory_bytes
        self._view = replace(
            self._view,
            step=step,
            memory_bytes=memory,
        )
        self._pace.take(event)
        _add(self._loss, step, (event.get("losses") or {}).get("total"))
        _add(self._coverage, step, event.get("coverage"))
        _add(self._score, step, drawn_score(event.get("scores")))

    def _take_stage(self, stage: str, preparing: str) -> None:
        words = str(self._stage_words.get(stage, ""))
        self._view = replace(
            self._view, stage=stage, stage_words=words, preparing=preparing
        )

    def _take_state(self, event: Event) -> None:
        name, old = str(event.get("event")), self._view.state
        if name in ("started", "resumed"):
            self._stage_words = event.get("stages") or {}
            self._pace.begin(event)
        elif name == "unpaused":
            self._pace.interrupt()
        new = _STATES.get(name, old)
        if name in ("step", "preparing") and old == "starting":
            new = "training"
        elif name == "answered":
            new = self._answered(str(event.get("kind")))
        if old == "stopping" and new != "finishing":
            return  # A paused run that is to stop says first that it goes on.
        if new != old:
            self._view = replace(self._view, state=new, sentence=SENTENCES[new])

    def _answered(self, kind: str) -> RunViewState:
        state = self._view.state
        if kind == "resume":
            return "training" if state == "pausing" else state
        return _ANSWERS.get(kind, state)

    def _cut(self, step: int) -> None:
        for trace in (self._loss, self._coverage, self._score):
            trace.cut(step)
        self._view = replace(self._view, step=step)
        self._pace.cut(step)

    def _tell(self, *messages: Any) -> None:
        self._messages.update(dict.fromkeys(str(one) for one in messages if one))


class _Pace:
    """How long the steps take that are still to be made."""

    def __init__(self) -> None:
        self._between: deque[float] = deque(maxlen=_RECENT)
        self._before: float | None = None
        self._firsts: list[tuple[int, str]] = []  # First step of each stage.
        self._planned: dict[str, float] = {}  # Seconds a step, by stage.
        self._seconds = 0.0  # Of the whole run, at the planned pace.

    def begin(self, event: Event) -> None:
        """Read what was measured before the first step."""
        self._planned = event.get("seconds_per_step") or {}
        self._seconds = 60 * (event.get("minutes") or 0)
        self.interrupt()

    def interrupt(self) -> None:
        """The time until the next step is no step's time."""
        self._before = None

    def cut(self, step: int) -> None:
        """Forget the stages that began behind a step."""
        self._firsts = [first for first in self._firsts if first[0] <= step]
        self.interrupt()

    def take(self, event: Event) -> None:
        """Read a step."""
        stage = event["stage"]
        if not self._firsts or self._firsts[-1][1] != stage:
            self._firsts.append((event["step"], stage))
            self._between.clear()
        elif self._before is not None:
            self._between.append(event["time"] - self._before)
        self._before = event["time"]

    def seconds_left(self, step: int | None, n_steps: int | None) -> float | None:
        """Until the last step; None when there is too little to tell it from."""
        if step is None or n_steps is None or len(self._between) < 2:
            return None
        # The median shrugs off checkpoints, validations and the warm-up.
        pace = statistics.median(self._between)
        planned = self._planned.get(self._firsts[-1][1])
        left = self._seconds - self._planned_until(step)
        if not planned or left <= 0:
            return (n_steps - step) * pace
        # The stages still to come have another pace: theirs was measured before.
        return left * pace / planned

    def _planned_until(self, step: int) -> float:
        """Seconds that the steps made so far were planned to take."""
        firsts = [*self._firsts, (step + 1, "")]
        return sum(
            (after - first) * self._planned.get(stage, 0.0)
            for (first, stage), (after, _) in pairwise(firsts)
        )


def drawn_score(scores: Any) -> float | None:
    """The score of a step that is drawn; None when it was not measured."""
    known = {name: value for name, value in (scores or {}).items() if value is not None}
    found = [known[name] for name in (*SCORES, *known) if name in known]
    return float(found[0]) if found else None


def _add(trace: Trace, step: int, value: float | None) -> None:
    if value is not None:
        trace.add(step, value)
