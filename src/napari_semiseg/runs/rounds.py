"""The rounds of a project: what was labelled before each, and what score it reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.measured import measured
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Round:
    """One train-correct cycle that ended with a model.

    Attributes
    ----------
    number
        From 1.
    run, method, ended
        What trained, and when it ended (ISO 8601, UTC).
    tiles, objects, minutes
        Labelled when it began, of all images, and the active minutes that took; None
        where nobody counted, as objects of a semantic task.
    score, measured_on, validated
        Main score in [0, 1], the tiles in words, and whether nothing had learned from
        them.
    accepted, in_use
        Whether it came into use when it ended, and whether it is now.
    """

    number: int
    run: str
    method: str
    ended: str | None
    tiles: int | None
    objects: int | None
    minutes: float | None
    score: float | None
    measured_on: str | None
    validated: bool | None
    accepted: bool | None
    in_use: bool

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @property
    def words(self) -> str:
        """What it cost and what it brought, in a sentence."""
        cost: list[str] = []
        if self.tiles is not None:
            cost.append(f"{self.tiles} tile(s)")
        if self.objects is not None:
            cost.append(f"{self.objects} object(s)")
        if self.minutes is not None:
            cost.append(f"{self.minutes:.0f} min of labelling")
        start = f"Round {self.number}: {', '.join(cost) or 'labels not counted'}"
        if self.score is None:
            return f"{start}; not scored."
        doubt = "" if self.validated else ", not validated"
        return f"{start}; score {self.score:.3f} on {self.measured_on}{doubt}."


def rounds(project_folder: Path) -> tuple[Round, ...]:
    """The rounds of a project, the oldest first; comparison arms are none."""
    used = model_in_use(project_folder)
    found: list[Round] = []
    for run in list_runs(project_folder):
        record = run.record()
        if not run.has_model or record.arm_of is not None:
            continue
        labels: Mapping[str, Any] = record.labels or {}
        known = measured(record)
        one = Round(
            len(found) + 1,
            run.id,
            record.method,
            record.ended,
            labels.get("tiles"),
            labels.get("objects"),
            labels.get("minutes"),
            known.score,
            known.on,
            known.validated,
            record.accepted,
            run == used,
        )
        found.append(one)
    return tuple(found)


def round_named(rounds: Sequence[Round], name: int | str) -> Round:
    """The round of a number, or of a run's name.

    Raises
    ------
    SemisegError
        When there is none; says which there are.
    """
    for one in rounds:
        if str(name) in (str(one.number), one.run):
            return one
    if not rounds:
        raise SemisegError("This project has no round yet: train a model first.")
    last = len(rounds)
    raise SemisegError(f"There is no round {name}: give a number from 1 to {last}.")
