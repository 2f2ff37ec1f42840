"""What the dock shows of a run, told from the run's own words; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from napari_semiseg.viewer.training.traces import NO_CURVE, Curve

if TYPE_CHECKING:
    from collections.abc import Mapping

RunViewState = Literal[
    "none",
    "starting",
    "training",
    "pausing",
    "paused",
    "resuming",
    "stopping",
    "finishing",
    "finished",
    "stopped",
    "failed",
    "died",
]
LIVING: frozenset[RunViewState] = frozenset(
    {
        "starting",
        "training",
        "pausing",
        "paused",
        "resuming",
        "stopping",
        "finishing",
    }
)

_ANSWERING: frozenset[RunViewState] = frozenset(
    {"training", "pausing", "paused", "resuming"}
)

SENTENCES: dict[RunViewState, str] = {
    "starting": "Starting: this takes some seconds.",
    "training": "Training.",
    "pausing": "Pausing after this step.",
    "paused": "Paused. Resume to go on.",
    "resuming": "Going on.",
    "stopping": "Stopping after this step; its model is kept.",
    "finishing": "Measuring and saving the model.",
}
"""What the states of a living run mean."""

# What may be wished of a run, and the states that fulfil the wish.
_FULFILLED: dict[RunViewState, frozenset[RunViewState]] = {
    "pausing": frozenset({"pausing", "paused", "stopping", "finishing"}),
    "resuming": frozenset({"training", "pausing", "stopping", "finishing"}),
    "stopping": frozenset({"stopping", "finishing"}),
}


@dataclass(frozen=True, eq=False)
class Curves:
    """Loss and coverage by step, and the score on the validation tiles."""

    loss: Curve = NO_CURVE
    coverage: Curve = NO_CURVE
    score: Curve = NO_CURVE


@dataclass(frozen=True, eq=False)
class RunView:
    """A run as it stands; never changed, but replaced by a newer one.

    Attributes
    ----------
    run_id
        Empty: the project has no run.
    state
        As the run says. ``pausing``, ``resuming`` and ``stopping`` have been asked for;
        ``died``: its process is gone without a word.
    stage, stage_words
        Name of the stage of the method that is under way, and what is done in it;
        empty before the first step.
    preparing
        How far the work before the stage's first step is; empty when it makes steps.
    step, n_steps
        Made, and to be made; None while unknown.
    seconds_left
        Until the last step, None when it cannot be told.
    sentence
        How it stands, for a person; of a failed run, cause and remedy.
    accepted, verdict
        Whether the model came into use, and why; None before the end.
    tuned_on, scores
        What the finished model was measured on, and its scores there.
    device
        Where it trains, None while unknown.
    memory_bytes
        The most it took there, None while unknown.
    messages
        What the user should know of it, the oldest first.
    resumable
        Whether a run that has ended can go on from a checkpoint.
    compare, arm_of
        Whether a training from the labels alone follows; the run that this one, from
        the labels alone, is compared with.
    check_of
        The run that this one is the cross-validation of.
    """

    run_id: str = ""
    method: str = ""
    state: RunViewState = "none"
    stage: str = ""
    stage_words: str = ""
    preparing: str = ""
    step: int | None = None
    n_steps: int | None = None
    seconds_left: float | None = None
    sentence: str = ""
    accepted: bool | None = None
    verdict: str | None = None
    tuned_on: str | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    device: str | None = None
    memory_bytes: int | None = None
    messages: tuple[str, ...] = ()
    resumable: bool = False
    compare: bool = False
    arm_of: str | None = None
    check_of: str | None = None
    curves: Curves = field(default_factory=Curves)

    @property
    def living(self) -> bool:
        """Whether a process works on it, as far as is known."""
        return self.state in LIVING

    @property
    def answers(self) -> bool:
        """Whether people want to see what it sees, and it can tell."""
        return self.state in _ANSWERING and self.beside is None

    @property
    def beside(self) -> str | None:
        """The run that this one serves; None: it stands for itself."""
        return self.arm_of or self.check_of

    @property
    def fraction(self) -> float | None:
        """Share of the steps that are made, 0 to 1; None while unknown."""
        if self.step is None or not self.n_steps:
            return None
        return min(1.0, self.step / self.n_steps)


NO_RUN = RunView()


def starting(view: RunView) -> RunView:
    """The view of a run whose process has been started just now."""
    return replace(
        view,
        state="starting",
        sentence=SENTENCES["starting"],
        accepted=None,
        verdict=None,
    )


def wished(view: RunView, wish: RunViewState | None) -> RunView:
    """The view of a run of which something was asked that it has not answered."""
    if wish is None or not view.living:
        return view
    return replace(view, state=wish, sentence=SENTENCES[wish])


def fulfilled(view: RunView, wish: RunViewState | None) -> bool:
    """Whether a run does what was asked of it, or has ended."""
    return wish is None or not view.living or view.state in _FULFILLED[wish]
