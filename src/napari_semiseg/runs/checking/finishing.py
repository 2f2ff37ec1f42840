"""The end of a check: scores pooled, and the model of its run taken or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.runs.checking.check import conclude
from napari_semiseg.runs.checking.result import CrossValidated
from napari_semiseg.runs.report import write_report
from napari_semiseg.runs.trainable import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.runs.checking.fold_training import FoldTraining
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.trainable import Ending

STOPPED = "Its cross-validation was stopped."
FAILED = "Its cross-validation failed."


class CheckFinisher:
    """Ends the check of a run; callable as the check's ``finish``.

    Parameters
    ----------
    check, run
        The check, and the run that it checks.
    training
        The trainings of the check.
    """

    def __init__(
        self, check: RunFolder, run: RunFolder, training: FoldTraining
    ) -> None:
        self._check, self._run = check, run
        self._training = training

    def __call__(
        self,
        ending: Ending,
        should_stop: Callable[[], bool],
        write: Callable[..., Event],
    ) -> Outcome:
        """Pool the folds and decide; a check that was stopped tells nothing."""
        found = None
        if self._training.ended:
            found = CrossValidated.of_folds(self._training.results)
        write_report(self._check)
        record = conclude(self._run, found, STOPPED, self._check.id)
        return Outcome(
            record.accepted,
            record.verdict or "",
            None if found is None else found.measured_on,
            {} if found is None else {found.score_name: found.score},
            validated=found is not None,
            compared=record.compared,
        )
