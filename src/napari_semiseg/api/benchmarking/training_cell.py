"""Train, tune, test and look at one cell of a benchmark."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.benchmarking.confidence import measure_confidence
from napari_semiseg.api.benchmarking.effort import steps_of
from napari_semiseg.api.benchmarking.history import History
from napari_semiseg.api.benchmarking.judging import score_test, tune
from napari_semiseg.api.benchmarking.ranked import measure_reliability
from napari_semiseg.api.benchmarking.sheet import (
    make_sheet,
    save_sheet,
    shown_example,
)
from napari_semiseg.files import read_json, write_json
from napari_semiseg.runs.failures import is_device_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_semiseg.api.benchmarking.cells import CellFolder
    from napari_semiseg.api.benchmarking.drawing import Drawn
    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.learning.report import Report
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training import Training

_SECONDS_BETWEEN_CHECKPOINTS = 60.0


class LeftError(Exception):
    """The benchmark was told to stop; what was done so far is saved."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a cell needs besides its folder."""

    drawn: Drawn
    test: Sequence[Example]
    settings: Settings
    device: str
    draws_sheet: bool = False
    keeps_model: bool = False


class CellTraining:
    """One cell, resumed where it was left.

    Parameters
    ----------
    tell
        Called with words and how far it is, from 0 to 1.
    should_stop
        Asked after every step and before every tile of a test image.
    """

    def __init__(
        self,
        task: Task,
        folder: CellFolder,
        *,
        tell: Callable[[str, float], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._task = task
        self._folder = folder
        self._tell = tell
        self._should_stop = should_stop
        self._history = History()
        self._saved = time.monotonic()

    def run(self) -> dict[str, Any]:
        """Train to the end and score.

        Raises
        ------
        LeftError
            When told to stop.
        SemisegError
            When the training cannot be done.
        """
        training = self._begin()
        for report in self._reports(training):
            self._history.take(report)
            self._take_ranking(training, report)
            self._tell(
                report.preparing or f"step {report.step} of {report.n_steps}",
                report.step / report.n_steps,
            )
            self._save_if_due(training)
        return self._finish(training)

    def _begin(self) -> Training:
        from napari_semiseg.learning.training import Training

        task, folder = self._task, self._folder
        images = task.drawn.training_set
        if folder.checkpoint.is_file() and folder.history.is_file():
            training = Training.resume(folder.checkpoint, images, device=task.device)
            self._history = History.load(folder.history, training.step)
            return training
        return Training(images, task.settings, device=task.device)

    def _reports(self, training: Training) -> Iterator[Report]:
        reports = iter(training)
        while True:
            try:
                report = next(reports, None)
            except Exception as error:
                if not is_device_memory(error) or training.halve_batch() is None:
                    raise
                reports = iter(training)
                continue
            if report is None:
                return
            yield report

    def _take_ranking(self, training: Training, report: Report) -> None:
        if not report.reliability:
            return
        pool = self._task.drawn.pool
        found = measure_reliability(training, report.reliability, pool)
        write_json(self._folder.reliability, found)

    def _measured_reliability(self) -> list[dict[str, Any]]:
        """What was found at the ranking, in an earlier process maybe."""
        path = self._folder.reliability
        return read_json(path) if path.is_file() else []

    def _save_if_due(self, training: Training) -> None:
        leaving = self._should_stop()
        due = time.monotonic() - self._saved > _SECONDS_BETWEEN_CHECKPOINTS
        if leaving or due:
            self._save(training)
        if leaving:
            raise LeftError

    def _save(self, training: Training) -> None:
        # The history first: of what comes after the checkpoint it is cut.
        self._history.save(self._folder.history)
        training.save_checkpoint(self._folder.checkpoint)
        self._saved = time.monotonic()

    def _finish(self, training: Training) -> dict[str, Any]:
        from napari_semiseg.prediction.predict import PredictionStoppedError

        task = self._task
        self._tell("testing", 1.0)
        model = training.model()
        tuned_on = tune(model, task.drawn.training_set, training.settings)
        try:
            images = score_test(model, task.test, should_stop=self._should_stop)
        except PredictionStoppedError as error:
            self._save(training)
            raise LeftError from error
        if task.draws_sheet:
            shown = shown_example(task.drawn.pool)
            save_sheet(self._folder.sheet, make_sheet(training, shown))
        if task.keeps_model:
            model.save(self._folder.model)
        return {
            "cost": {"steps": steps_of(training.plan), **self._history.cost()},
            "curve": self._history.curve(),
            "tuned_on": tuned_on,
            "thresholds": list(model.card.thresholds),
            "device": str(training.device),
            "weights": model.card.weights_source,
            "images": images,
            "confidence": measure_confidence(training, task.drawn.pool),
            "reliability": self._measured_reliability(),
        }
