"""The body of the training process: one loop that saves, reports and obeys.

The learning core yields reports; this module turns them into events and checkpoints,
answers watchers between two steps, and makes a sentence of every failure.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.attending import Attendance
from napari_semiseg.runs.checkpoints import Checkpoints
from napari_semiseg.runs.events import EventWriter
from napari_semiseg.runs.failures import (
    NotFiniteError,
    explain,
    is_device_memory,
    is_divergence,
)
from napari_semiseg.runs.interruption import Interruption
from napari_semiseg.runs.liveness import this_process
from napari_semiseg.runs.memory import MemoryMeter
from napari_semiseg.runs.record import RunRecord
from napari_semiseg.runs.reliability import write_reliability
from napari_semiseg.runs.sizes import write_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.previews import SourceOf
    from napari_semiseg.runs.trainable import (
        Ending,
        Finish,
        Outcome,
        Reliability,
        Step,
        Trainable,
    )

_LOG = logging.getLogger(__name__)
_POLL = 0.1  # Seconds between two looks at the requests while paused.
_HEARTBEAT = 30.0  # Seconds between two signs of life while paused.


class TrainingRun:
    """One training in one run folder.

    Parameters
    ----------
    run
        The folder; the caller holds its lock.
    training
        Fresh, or resumed from the run's checkpoint.
    source_of
        Finds the pixels of an image id, for previews.
    finish
        Called once the steps are made: evaluates and saves the model.
    resumed
        Whether ``training`` comes from the run's checkpoint.
    on_event
        Called with each event, in this process.
    checkpoint_seconds
        Time between two checkpoints.
    clock, wait
        Monotonic seconds, and how to let them pass.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Trainable,
        *,
        source_of: SourceOf,
        finish: Finish,
        resumed: bool = False,
        on_event: Callable[[Event], None] | None = None,
        checkpoint_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._run = run
        self._training = training
        self._finish = finish
        self._resumed = resumed
        self._clock, self._wait = clock, wait
        self._checkpoints = Checkpoints(run, every=checkpoint_seconds, clock=clock)
        self._memory = MemoryMeter(run.record().device)
        self._interruption = Interruption()
        self._events = EventWriter(run.events, on_event=on_event)
        self._watchers = Attendance(run, training, source_of, self._write)

    def train(self) -> RunRecord:
        """Train to the end, a stop or a failure; the record says which.

        Failures are not raised: they stand in the record, as cause and remedy.
        """
        with self._events, self._interruption.listening():
            try:
                self._open()
                return self._close(self._steps())
            except Exception as error:
                return self._fail(error)

    def _open(self) -> None:
        self._run.keep_reserve()
        record = self._run.update(
            state="training",
            process=this_process(),
            started=self._run.record().started or _now(),
            ended=None,
            failure=None,
            failure_kind=None,
            total_steps=self._training.total_steps,
        )
        if self._resumed:
            self._checkpoints.loaded(self._training.step)
        name = "resumed" if self._resumed else "started"
        self._write(
            name,
            n_steps=self._training.total_steps,
            minutes=record.minutes,
            seconds_per_step=record.seconds_per_step,
            messages=record.messages,
            stages=dict(self._training.stage_words),
        )
        # A run killed in its first minute must be resumable.
        self._checkpoints.save(self._training)

    def _steps(self) -> Ending:
        reports = iter(self._training)
        while True:
            if ending := self._obey():
                return ending
            try:
                report = next(reports, None)
            except Exception as error:
                self._shrink(error)
                reports = iter(self._training)
                continue
            if report is None:
                return "finished"
            self._take(report)

    def _take(self, report: Step) -> None:
        if report.preparing is not None:
            self._write(
                "preparing",
                stage=report.stage,
                n_steps=report.n_steps,
                sentence=report.preparing,
                message=report.message,
            )
            if report.reliability:
                self._rank(report.reliability)
            if report.sizes is not None:
                write_sizes(self._run.sizes, report.sizes)
                self._write("sizes", sentence=report.sizes.sentence)
            return
        broken = [n for n, value in report.losses.items() if not math.isfinite(value)]
        saved = not broken and self._checkpoints.due()
        if saved:
            self._checkpoints.save(self._training)
        fields = {**_fields(report), **self._memory.fields()}
        self._events.write("step", checkpoint=saved, **fields)
        if broken:
            self._checkpoints.distrust(report.step)
            raise NotFiniteError(report.step, broken)

    def _rank(self, images: Sequence[Reliability]) -> None:
        """Keep how reliable each image is: the least reliable are to label next."""
        write_reliability(self._run.reliability, images)
        ranked = [
            {"image_id": one.image_id, "score": one.score, "round": one.round}
            for one in images
        ]
        self._write("reliability", images=ranked)

    def _shrink(self, error: Exception) -> None:
        """Go on with half the batch if that can help; else raise."""
        if not is_device_memory(error):
            raise error
        sentence = self._training.halve_batch()
        if sentence is None:
            raise error
        self._run.update(changes=(*self._run.record().changes, sentence))
        self._write("batch", sentence=sentence)

    def _obey(self) -> Ending | None:
        self._watchers.answer_all()
        if self._watchers.paused and not self._leaving():
            self._pause()
        if self._interruption.asked:
            return "interrupted"
        return "stopped" if self._watchers.stopping else None

    def _pause(self) -> None:
        self._checkpoints.save(self._training)
        self._run.update(state="paused")
        self._write("paused")
        silent_since = self._clock()
        while self._watchers.paused and not self._leaving():
            self._wait(_POLL)
            self._watchers.answer_all()
            if self._clock() - silent_since > _HEARTBEAT:
                self._write("alive")
                silent_since = self._clock()
        self._run.update(state="training")
        self._write("unpaused")

    def _leaving(self) -> bool:
        return self._interruption.asked or self._watchers.stopping

    def _close(self, ending: Ending) -> RunRecord:
        self._checkpoints.save(self._training)
        state: Ending = "finished" if ending == "finished" else "stopped"
        outcome = None
        if ending != "interrupted" and self._training.step > 0:
            outcome = self._evaluate(ending)
        if outcome is None:
            state = "stopped"
        found: dict[str, Any] = {}
        if outcome is not None:
            found = {**vars(outcome), "scores": dict(outcome.scores)}
        # The event first: followers leave once the record says that the run has ended.
        self._write(state, **found)
        self._run.free_reserve()
        return self._run.update(state=state, ended=_now(), **found)

    def _evaluate(self, ending: Ending) -> Outcome | None:
        self._run.update(state="finishing")
        self._write("finishing")
        return self._finish(ending, self._interruption, self._write)

    def _fail(self, error: Exception) -> RunRecord:
        self._run.free_reserve()
        if is_divergence(error):
            self._checkpoints.distrust(self._training.step + 1)
        failure = explain(error, self._run)
        _LOG.error("%s", failure.sentence, exc_info=error)
        fields: dict[str, Any] = {
            "state": "failed",
            "ended": _now(),
            "failure": failure.sentence,
            "failure_kind": failure.kind,
        }
        # The event first: its open file survives even a moved folder.
        with contextlib.suppress(OSError, SemisegError):
            details = "".join(traceback.format_exception(error))[-4000:]
            self._write(
                "failed", sentence=failure.sentence, kind=failure.kind, details=details
            )
        try:
            return self._run.update(**fields)
        except (OSError, SemisegError):
            return _record_without_disk(self._run, fields)

    def _write(self, name: str, **fields: Any) -> Event:
        return self._events.write(name, **{"step": self._training.step, **fields})


def _record_without_disk(run: RunFolder, fields: dict[str, Any]) -> RunRecord:
    try:
        return run.record().model_copy(update=fields)
    except SemisegError:
        return RunRecord(id=run.id, method="", **fields)


def _fields(report: Step) -> dict[str, Any]:
    return {
        "stage": report.stage,
        "step": report.step,
        "n_steps": report.n_steps,
        "losses": dict(report.losses),
        "coverage": report.coverage,
        "scores": None if report.scores is None else dict(report.scores),
        "seconds": report.seconds,
        "forwards": report.forwards,
        "samples": report.samples,
        "message": report.message,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
