"""How far the regressed sizes can be trusted: the width of their bounds; no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.learning.curriculum_settings import CurriculumStageSettings

_NOTHING = 1e-4  # A class that covers less of the tiles is not there.


@dataclass(frozen=True)
class Judgement:
    """What the errors of a regressor come to, class by class.

    Attributes
    ----------
    relative_error
        On tiles not learned from; None: not known.
    gamma, least
        Half-width of the bounds, relative to the predicted size, and at least.
    used
        Whether there are bounds.
    sentence
        What the user should know.
    """

    relative_error: tuple[float | None, ...]
    gamma: tuple[float, ...]
    least: tuple[float, ...]
    used: tuple[bool, ...]
    sentence: str

    @classmethod
    def none(cls, n_regions: int, sentence: str) -> Judgement:
        """No bounds at all."""
        nothing = (0.0,) * n_regions
        return cls(
            (None,) * n_regions, nothing, nothing, (False,) * n_regions, sentence
        )

    @classmethod
    def fixed(
        cls, settings: CurriculumStageSettings, n_regions: int, sentence: str
    ) -> Judgement:
        """Bounds of the same relative width for all, whatever the error."""
        return cls(
            (None,) * n_regions,
            (settings.gamma,) * n_regions,
            (settings.least_width,) * n_regions,
            (True,) * n_regions,
            sentence,
        )

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Judgement:
        """From what :meth:`state` gave, after a checkpoint."""
        tuples = {name: tuple(state[name]) for name in state if name != "sentence"}
        return cls(**tuples, sentence=state["sentence"])

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)


def judge(
    predicted: Sequence[Sequence[float]],
    true: Sequence[Sequence[float]],
    names: Sequence[str],
    settings: CurriculumStageSettings,
) -> Judgement:
    """Bounds as wide as the error on tiles not learned from asks for.

    ``gamma_eff = max(gamma, 1.5 e)`` with the relative error e, the mean of what is
    missed divided by the mean size; and at least the mean of what is missed. With e
    above a half a class has no bounds.

    Parameters
    ----------
    predicted, true
        Of each crop the size of each class; one crop at least.
    """
    n = len(true)
    errors: list[float | None] = []
    gammas, least, used, words = [], [], [], []
    for number, name in enumerate(names):
        missed = sum(
            abs(p[number] - t[number]) for p, t in zip(predicted, true, strict=True)
        )
        missed, mean = missed / n, sum(t[number] for t in true) / n
        error = missed / mean if mean > _NOTHING else None
        gamma = max(settings.gamma, settings.error_factor * (error or 0.0))
        good = error is not None and error <= settings.largest_error
        errors.append(error)
        gammas.append(gamma)
        least.append(max(settings.least_width, missed))
        used.append(good)
        words.append(_words(name, error, gamma, good=good))
    return Judgement(
        tuple(errors), tuple(gammas), tuple(least), tuple(used), " ".join(words)
    )


def _words(name: str, error: float | None, gamma: float, *, good: bool) -> str:
    if error is None:
        return (
            f"No tile that judges the sizes shows {name}, so that its size is not "
            "bounded."
        )
    if good:
        return (
            f"The size of {name} is predicted with an error of {error:.0%} in tiles "
            f"not learned from: in unlabelled tiles it may differ by {gamma:.0%}."
        )
    return (
        f"The size of {name} is not bounded: it is predicted with an error of "
        f"{error:.0%} in tiles not learned from. Label more tiles, or type bounds if "
        "you know them."
    )
