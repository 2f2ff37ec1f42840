"""Did the unlabelled images help? The same training again, from the labels alone.

The arm is a run of its own: the tiles, the seed, the encoder weights and the number of
gradient steps are those of the run it belongs to. It can be watched, paused and stopped
like any other, and its model never comes into use by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.learning.methods import parse_settings
from napari_semiseg.learning.settings import (
    Settings,
    SupervisedSettings,
    SupervisedStageSettings,
)
from napari_semiseg.runs.beside import create_beside
from napari_semiseg.runs.comparison import paired_difference_of_scores
from napari_semiseg.runs.folder import RunFolder, list_runs
from napari_semiseg.runs.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_semiseg.runs.comparison import PairedDifference
    from napari_semiseg.runs.record import RunRecord


@dataclass(frozen=True)
class ArmComparison:
    """A run, and its supervised arm, on the same tiles.

    Attributes
    ----------
    arm
        Name of the arm's run.
    paired
        With the unlabelled images (new) against the labelled tiles alone (old).
    measured_on
        The tiles in words.
    validated
        Whether these are validation tiles that nothing has learned from.
    sentence
        What follows from it.
    """

    arm: str
    paired: PairedDifference
    measured_on: str
    validated: bool
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        paired = self.paired
        return {
            "arm": self.arm,
            "with_unlabelled": paired.new,
            "labels_alone": paired.old,
            "difference": paired.difference,
            "noise": paired.noise,
            "n_tiles": paired.n_tiles,
            "measured_on": self.measured_on,
            "validated": self.validated,
            "sentence": self.sentence,
        }


def check_comparable(settings: Settings, start: str | None) -> None:
    """Refuse a comparison that would say nothing.

    Raises
    ------
    SemisegError
        When the method uses no unlabelled images, or one arm would begin ahead.
    """
    if not settings.unlabelled_images:
        raise SemisegError(
            f"The method {settings.name} learns from the labelled tiles alone: choose "
            "another method to see whether the unlabelled images help."
        )
    if start not in (None, "scratch"):
        raise SemisegError(
            "A comparison starts from the encoder weights, so that neither side begins "
            "ahead: leave out the model to start from."
        )


def arm_settings(settings: Settings) -> SupervisedSettings:
    """The supervised method with all that it shares with another one's settings."""
    own = SupervisedSettings.of_preset(settings.preset)
    shared = {name: getattr(settings, name) for name in Settings.model_fields}
    stage = getattr(settings, "supervised", None)
    if isinstance(stage, SupervisedStageSettings):
        shared["supervised"] = stage
    return own.model_copy(update={**shared, "name": own.name})


def create_arm(run: RunFolder) -> tuple[RunFolder, SupervisedSettings]:
    """A new run beside a finished one, with its inputs; and what to train it with."""
    settings = arm_settings(parse_settings(run.record().settings))
    return create_beside(run, settings.name, arm_of=run.id), settings


def arm_of(run: RunFolder) -> RunFolder | None:
    """The newest supervised arm of a run; None: there is none."""
    arms = (
        one
        for one in reversed(list_runs(run.project_folder))
        if one.record().arm_of == run.id
    )
    return next(arms, None)


def compare_with_arm(run: RunFolder) -> ArmComparison | None:
    """What the unlabelled images brought a run; None: no finished arm tells."""
    arm = arm_of(run)
    if arm is None:
        return None
    ours, theirs = _scores(run), _scores(arm)
    if ours is None or theirs is None or arm.record().state != "finished":
        return None
    return compare_scores(run.record(), ours, arm.id, theirs)


def compare_scores(
    record: RunRecord, ours: Mapping[str, Any], arm: str, theirs: Mapping[str, Any]
) -> ArmComparison | None:
    """The same from the scores of both, as ``scores.json`` has them."""
    paired = paired_difference_of_scores(ours, theirs)
    if paired is None:
        return None
    validated = bool(record.validated)
    measured_on = str(ours.get("measured_on", record.tuned_on))
    kind = "mean IoU" if "confusion" in ours else "precision x recall at IoU 0.5"
    figures = (
        f"{paired.new:.3f} with them, {paired.old:.3f} from the labelled tiles alone "
        f"({kind}, {measured_on}, {record.total_steps:,} steps each; "
        f"{paired.noise_words})."
    )
    return ArmComparison(
        arm, paired, measured_on, validated, f"{_finding(paired, validated)} {figures}"
    )


def arm_verdict(arm: RunFolder, name: str, scores: Mapping[str, Any]) -> Verdict:
    """What is said of a finished arm, which never comes into use by itself.

    Parameters
    ----------
    name
        The run it is the arm of.
    scores
        Of the arm, as ``scores.json`` will have them.
    """
    words = f"The supervised arm of {name}: it does not come into use by itself."
    run = RunFolder(arm.path.parent / name)
    ours = _scores(run)
    found = None
    if ours is not None:
        found = compare_scores(run.record(), ours, arm.id, scores)
    if found is None:
        return Verdict(False, words)
    return Verdict(False, f"{words} {found.sentence}")


def _finding(paired: PairedDifference, validated: bool) -> str:
    if not validated:
        return (
            "Not validated, the tiles are those that were learned from: this tells "
            "nothing about the unlabelled images."
        )
    if paired.noise is None:
        return "One validation tile cannot tell whether the unlabelled images helped:"
    if not paired.clear:
        return "It cannot be told whether the unlabelled images helped:"
    if paired.difference > 0:
        return "The unlabelled images helped:"
    return "The unlabelled images did harm:"


def _scores(run: RunFolder) -> dict[str, Any] | None:
    try:
        found = read_json(run.report / "scores.json")
    except (OSError, SemisegError):
        return None
    return found if isinstance(found, dict) else None
