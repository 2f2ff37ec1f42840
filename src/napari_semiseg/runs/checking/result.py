"""What a cross-validation has found, and what follows from it; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.collapse import Foreground
from napari_semiseg.runs.comparison import (
    compare_rows,
    jackknife_error,
    place_of_row,
    score_of_rows,
)
from napari_semiseg.runs.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_semiseg.runs.comparison import PairedDifference
    from napari_semiseg.runs.folder import RunFolder

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Scores of labelled tiles, each by a training that was not given it.

    Attributes
    ----------
    rows
        Of each tile, as ``scores.json`` has them, with the number of its ``fold``.
    foreground
        Of all of them.
    n_folds
        So many trainings.
    score_words
        What the score is.
    """

    rows: tuple[Mapping[str, Any], ...]
    foreground: Foreground
    n_folds: int
    score_words: str

    @classmethod
    def of_folds(cls, results: Sequence[Mapping[str, Any]]) -> CrossValidated:
        """Pool what was kept of each fold."""
        counts = zip(*(one["foreground"] for one in results), strict=True)
        return cls(
            tuple(row for one in results for row in one["tiles"]),
            Foreground(*map(sum, counts)),
            len(results),
            results[0]["score_words"],
        )

    @property
    def score(self) -> float:
        """Of all tiles together, in [0, 1]."""
        return score_of_rows(self.rows)

    @property
    def noise(self) -> float | None:
        """Standard error of the score over the tiles (jackknife)."""

        def score(numbers: Sequence[int]) -> float:
            return score_of_rows([self.rows[number] for number in numbers])

        return jackknife_error(score, len(self.rows))

    @property
    def words(self) -> str:
        """``by cross-validation over 4 labelled tiles``."""
        return f"by cross-validation over {len(self.rows)} labelled tiles"

    @property
    def measured_on(self) -> str:
        """``4 labelled tiles, by cross-validation``."""
        return f"{len(self.rows)} labelled tiles, by cross-validation"

    @property
    def score_name(self) -> str:
        """As scores are called in records, with what they were measured on."""
        kind = "mean_iou" if "confusion" in self.rows[0] else "ap_actis"
        return f"cross-validation.{kind}"

    @property
    def figures(self) -> str:
        """The score with its noise, for a sentence."""
        noise = "" if self.noise is None else f", noise {self.noise:.3f}"
        return f"{self.score:.3f} ({self.score_words}, {self.words}{noise})"

    def as_dict(self) -> dict[str, Any]:
        """All of it, for ``cross_validation.json``."""
        return {"schema_version": SCHEMA_VERSION, **self.summary(), "tiles": self.rows}

    def summary(self) -> dict[str, Any]:
        """The numbers, for ``run.json``."""
        return {
            "score": self.score,
            "score_name": self.score_name,
            "noise": self.noise,
            "n_tiles": len(self.rows),
            "n_folds": self.n_folds,
            "words": self.words,
            "measured_on": self.measured_on,
            "score_words": self.score_words,
            "foreground": {
                "guessed": self.foreground.guessed,
                "true": self.foreground.true,
                "known": self.foreground.known,
            },
            "collapsed": self.foreground.collapsed,
        }


def result_file(run: RunFolder) -> Path:
    """Where the cross-validation of a run is kept."""
    return run.report / "cross_validation.json"


def read_result(run: RunFolder) -> CrossValidated | None:
    """What is kept of a run's cross-validation; None where there is none, or damage."""
    try:
        content = read_json(result_file(run))
        found = CrossValidated(
            tuple(content["tiles"]),
            Foreground(**content["foreground"]),
            int(content["n_folds"]),
            str(content["score_words"]),
        )
        return found if found.rows and found.score >= 0 else None
    except (OSError, SemisegError, KeyError, TypeError, ValueError):
        return None


def compare_checked(
    new: CrossValidated, old: CrossValidated
) -> PairedDifference | None:
    """Compare on the tiles that both have; None: there are none."""
    theirs = {place_of_row(row): row for row in old.rows}
    both = [
        (row, theirs[place])
        for row in new.rows
        if (place := place_of_row(row)) in theirs
    ]
    if not both or ("confusion" in both[0][0]) != ("confusion" in both[0][1]):
        return None
    return compare_rows([ours for ours, _ in both], [other for _, other in both])


def decide_checked(
    new: CrossValidated, old: CrossValidated | None, *, in_use: bool
) -> Verdict:
    """Whether a model that was cross-validated comes into use.

    By the rule of `verdict.decide`.

    Parameters
    ----------
    old
        Of the model in use; None: it has none.
    in_use
        Whether there is a model in use.
    """
    stays = " The model in use stays." if in_use else ""
    if new.foreground.collapsed:
        sentence = (
            f"Its foreground collapsed {new.words}: {new.foreground.words}. Label more "
            f"tiles and train again.{stays}"
        )
        return Verdict(False, sentence)
    if not in_use:
        sentence = f"It is the first model of this project. Score {new.figures}."
        return Verdict(True, sentence)
    compared = None if old is None else compare_checked(new, old)
    if compared is None:
        sentence = (
            f"Score {new.figures}. The model before was not cross-validated on any of "
            "these tiles, so that nothing can be compared: it is replaced."
        )
        return Verdict(True, sentence)
    common = "tile" if compared.n_tiles == 1 else "tiles"
    figures = (
        f"{compared.new:.3f} against {compared.old:.3f} ({new.score_words}, by "
        f"cross-validation, on the {compared.n_tiles} labelled {common} that both "
        f"have; {compared.noise_words})."
    )
    if compared.worse:
        sentence = f"It is worse than the model in use: {figures}{stays}"
        return Verdict(False, sentence, compared)
    how = "better than" if compared.difference > 0 else "as good as"
    return Verdict(True, f"It is {how} the model in use: {figures}", compared)
