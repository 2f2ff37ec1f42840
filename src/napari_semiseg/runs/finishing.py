"""The end of a run: thresholds, scores, model, verdict and report."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.comparison import score_of_rows
from napari_semiseg.runs.evaluation import Judges, judges_of, named_scores
from napari_semiseg.runs.judging import evaluate_model, predict_tiles, seen_anew
from napari_semiseg.runs.lineage import learned_boxes
from napari_semiseg.runs.models import model_in_use, read_card_json
from napari_semiseg.runs.report import write_report, write_scores
from napari_semiseg.runs.reporting.examples import choose_examples, write_examples
from napari_semiseg.runs.supervised_arm import arm_verdict
from napari_semiseg.runs.trainable import Outcome
from napari_semiseg.runs.verdict import await_check, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.evaluation import AnyEvaluation
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.trainable import Ending
    from napari_semiseg.runs.verdict import Verdict

_LOG = logging.getLogger(__name__)


class Finisher:
    """Evaluates and saves the model of a run; callable as a run's ``finish``.

    Parameters
    ----------
    run
        Where the model goes.
    training
        Has made its steps.
    hashes
        Content hash of each image, by id.
    """

    def __init__(
        self, run: RunFolder, training: Training, hashes: Mapping[str, str]
    ) -> None:
        self._run = run
        self._training = training
        self._hashes = hashes

    def __call__(
        self,
        ending: Ending,
        should_stop: Callable[[], bool],
        write: Callable[..., Event],
    ) -> Outcome | None:
        """Evaluate, save, judge, report; None when told to give up."""
        from napari_semiseg.prediction.predict import PredictionStoppedError

        try:
            return self._finish(ending, should_stop, write)
        except PredictionStoppedError:
            return None

    def _finish(
        self,
        ending: Ending,
        should_stop: Callable[[], bool],
        write: Callable[..., Event],
    ) -> Outcome:
        judges = judges_of(self._training.training_set)
        model = self._training.model()
        settings = self._training.settings
        probabilities = predict_tiles(model, judges.tiles, should_stop, write)
        learned = judges.role == "training"
        altered = seen_anew(model, settings, judges.tiles) if learned else []
        evaluation = evaluate_model(
            model, settings, judges.tiles, probabilities, altered
        )
        # The model in use is looked up before this one can be taken for it.
        verdict, previous = self._judge(
            judges, evaluation, probabilities, ending, should_stop, write
        )
        scores = named_scores(judges, evaluation)
        self._save(model, judges, evaluation, scores)
        write_scores(
            self._run.report / "scores.json", judges, evaluation, verdict, previous
        )
        write_report(self._run)
        self._show_examples(model, judges, evaluation)
        return Outcome(
            verdict.accepted,
            verdict.sentence,
            judges.words,
            scores,
            validated=judges.role == "validation" and judges.clean,
            compared=None if verdict.compared is None else verdict.compared.as_dict(),
        )

    def _show_examples(
        self, model: Model, judges: Judges, evaluation: AnyEvaluation
    ) -> None:
        """Keep pictures for the report; the model is worth more than they are."""
        rows = evaluation.as_dict(judges.tiles)["tiles"]
        try:
            examples = choose_examples(
                self._training.training_set,
                judges.tiles,
                [score_of_rows([row]) for row in rows],
                self._training.settings.seed,
            )
            write_examples(self._run, model, examples)
        except Exception as error:
            _LOG.warning("No examples for the report: %s", error)

    def _judge(
        self,
        judges: Judges,
        evaluation: AnyEvaluation,
        probabilities: Sequence[NDArray[np.float32]],
        ending: Ending,
        should_stop: Callable[[], bool],
        write: Callable[..., Event],
    ) -> tuple[Verdict, AnyEvaluation | None]:
        """Compare with the model in use on tiles that are clean for both."""
        record, settings = self._run.record(), self._training.settings
        if record.arm_of is not None:
            scores = evaluation.as_dict(judges.tiles)
            return arm_verdict(self._run, record.arm_of, scores), None
        used = model_in_use(self._run.project_folder, without=self._run)
        if record.cross_validate is not None and ending == "finished":
            return await_check(evaluation, in_use=used is not None), None
        new: AnyEvaluation = evaluation
        old, words = None, None
        shared = [] if used is None else self._clean_for(used, judges)
        earlier = self._load(used) if used is not None and shared else None
        if earlier is not None:
            tiles = [judges.tiles[number] for number in shared]
            words = Judges(tuple(tiles), judges.role, clean=True).words
            if len(tiles) < len(judges.tiles):
                ours = [probabilities[number] for number in shared]
                new = evaluate_model(self._training.model(), settings, tiles, ours)
            theirs = predict_tiles(earlier, tiles, should_stop, write)
            old = evaluate_model(earlier, settings, tiles, theirs)
        verdict = decide(
            new,
            old,
            in_use=used is not None,
            stopped=ending == "stopped",
            judged_on=words,
        )
        return verdict, old

    def _clean_for(self, used: RunFolder, judges: Judges) -> list[int]:
        """Numbers of the clean validation tiles that the model in use never learned."""
        if judges.role != "validation" or not judges.clean:
            return []
        try:
            learned = learned_boxes(read_card_json(used.model))
        except SemisegError:
            return []
        return [
            number
            for number, tile in enumerate(judges.tiles)
            if not any(
                box.touches(
                    tile.image_id, self._hashes.get(tile.image_id, ""), tile.box
                )
                for box in learned
            )
        ]

    def _load(self, used: RunFolder) -> Model | None:
        """The model in use, None when it does not fit these images."""
        from napari_semiseg.learning.model import Model

        try:
            model = Model.load(used.model, self._training.device)
        except SemisegError as error:
            _LOG.warning("The model in use cannot be compared with: %s", error)
            return None
        known = self._training.training_set
        card = model.card
        fits = (known.n_channels, known.task) == (card.n_channels, card.task)
        same = known.task == "instances" or known.classes == card.classes
        return model if fits and same else None

    def _save(
        self,
        model: Model,
        judges: Judges,
        evaluation: AnyEvaluation,
        scores: Mapping[str, float],
    ) -> None:
        trained_on = tuple(
            tile.model_copy(update={"image_hash": self._hashes.get(tile.image_id, "")})
            for tile in model.card.trained_on
        )
        model.card = model.card.model_copy(
            update={
                "name": self._run.id,
                **evaluation.card_fields,
                "tuned_on": judges.words,
                "scores": dict(scores),
                "trained_on": trained_on,
            }
        )
        model.save(self._run.model)
