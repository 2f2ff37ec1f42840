"""What a run needs of a training, and what its end finds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from napari_semiseg.runs.checkpoints import Saved
from napari_semiseg.runs.previews import Previewing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_semiseg.learning.size_report import SizeReport
    from napari_semiseg.runs.events import Event

Ending = Literal["finished", "stopped", "interrupted"]


class Step(Protocol):
    """What one step, or a part of a preparation, reports; see ``Report``."""

    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> int: ...  # noqa: D102
    @property
    def n_steps(self) -> int: ...  # noqa: D102
    @property
    def losses(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def coverage(self) -> float | None: ...  # noqa: D102
    @property
    def scores(self) -> Mapping[str, float] | None: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102
    @property
    def forwards(self) -> int: ...  # noqa: D102
    @property
    def samples(self) -> int: ...  # noqa: D102
    @property
    def message(self) -> str | None: ...  # noqa: D102
    @property
    def preparing(self) -> str | None: ...  # noqa: D102
    @property
    def reliability(self) -> Sequence[Reliability]: ...  # noqa: D102
    @property
    def sizes(self) -> SizeReport | None: ...  # noqa: D102


class Reliability(Protocol):
    """How far an image's pseudo-labels can be relied on; see ``ImageReliability``."""

    @property
    def image_id(self) -> str: ...  # noqa: D102
    @property
    def score(self) -> float | None: ...  # noqa: D102
    @property
    def confidence(self) -> float: ...  # noqa: D102
    @property
    def round(self) -> int: ...  # noqa: D102


class Trainable(Saved, Previewing, Protocol):
    """The part of a ``Training`` that a run needs."""

    @property
    def total_steps(self) -> int:
        """Steps of all stages together."""
        ...

    @property
    def stage_words(self) -> Mapping[str, str]:
        """What is done in each stage, by its name, in words for everybody."""
        ...

    def __iter__(self) -> Iterator[Step]:
        """Go on from where it stands, one report a step."""
        ...

    def halve_batch(self) -> str | None:
        """Make the batch smaller, saying so; None at the minimum."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What the end of a run found out about its model.

    ``validated`` says whether it was scored on tiles that neither it nor a model before
    it has learned from; ``compared`` has the numbers of a comparison with the model in
    use, see `runs.comparison`. ``accepted`` is None while a cross-validation is to
    decide.
    """

    accepted: bool | None
    verdict: str
    tuned_on: str | None
    scores: Mapping[str, float]
    validated: bool = False
    compared: Mapping[str, float | int | None] | None = None


class Finish(Protocol):
    """Evaluates and saves the model once the steps are made."""

    def __call__(
        self,
        ending: Ending,
        should_stop: Callable[[], bool],
        write: Callable[..., Event],
    ) -> Outcome | None:
        """Give up (None) when ``should_stop`` says so; ``write`` writes an event."""
        ...
