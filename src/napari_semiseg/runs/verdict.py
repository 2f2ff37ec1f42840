"""Whether a finished model replaces the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.runs.comparison import PairedDifference, paired_difference

if TYPE_CHECKING:
    from napari_semiseg.runs.evaluation import AnyEvaluation


@dataclass(frozen=True)
class Verdict:
    """Whether a model comes into use, and why.

    ``accepted`` is None while a cross-validation is to decide. ``compared`` are the
    numbers that decided; None: nothing could be compared.
    """

    accepted: bool | None
    sentence: str
    compared: PairedDifference | None = None


def decide(
    new: AnyEvaluation,
    old: AnyEvaluation | None,
    *,
    in_use: bool,
    stopped: bool,
    judged_on: str | None,
) -> Verdict:
    """Whether the new model replaces the one in use.

    It does unless its foreground collapsed, or it is worse by more than the noise, see
    `comparison.NOISE_RULE`.

    Parameters
    ----------
    new, old
        Scored on the same clean validation tiles; ``old`` None when there are none, or
        no model in use that fits.
    in_use
        Whether the project has a model in use.
    stopped
        Whether the run was stopped before its end.
    judged_on
        What the tiles were, in words; None when there was nothing to judge by.
    """
    stays = " The model in use stays." if in_use else ""
    if new.collapsed:
        sentence = (
            f"Its foreground collapsed: {new.foreground.words}. Label more tiles and "
            f"train again.{stays}"
        )
        return Verdict(False, sentence)
    if not in_use:
        return Verdict(True, "It is the first model of this project.")
    if old is None or judged_on is None:
        return not_validated(stopped)
    compared = paired_difference(new, old)
    figures = (
        f"{compared.new:.3f} against {compared.old:.3f} ({new.score_words}, "
        f"{judged_on}; {compared.noise_words})."
    )
    if compared.worse:
        sentence = f"It is worse than the model in use: {figures}{stays}"
        return Verdict(False, sentence, compared)
    how = "better than" if compared.difference > 0 else "as good as"
    return Verdict(True, f"It is {how} the model in use: {figures}", compared)


def not_validated(stopped: bool) -> Verdict:
    """What is said where no tile can judge; ``stopped`` before its end."""
    if stopped:
        return Verdict(
            False,
            "Not validated: it was stopped before its end, and no validation tile can "
            "judge it. The model in use stays.",
        )
    return Verdict(
        True,
        "Not validated: no validation tile can compare it with the model in use, and "
        "it replaces it. Mark a tile as validation to have the next one judged.",
    )


def await_check(new: AnyEvaluation, *, in_use: bool) -> Verdict:
    """What is said of a model that is going to be cross-validated.

    The first one of a project is taken at once, as there is no other; one that finds
    (nearly) nothing in the tiles it learned from is not.
    """
    if new.collapsed:
        return decide(new, None, in_use=in_use, stopped=False, judged_on=None)
    if not in_use:
        sentence = "It is the first model of this project, and is cross-validated now."
        return Verdict(True, sentence)
    return Verdict(
        None,
        "It is cross-validated now. Until that has ended, the model in use stays.",
    )
