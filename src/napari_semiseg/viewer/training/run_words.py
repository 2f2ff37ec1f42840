"""Runs in words for people who segment cells, not for those who train networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_semiseg.viewer.training.run_view import RunView, RunViewState

_MAIN_SCORES = ("ap_actis", "ap", "mean_iou")
_ENDED = {
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
    "died": "Broken off",
}
_SHORT: dict[RunViewState, str] = {
    "starting": "starting",
    "pausing": "pausing",
    "paused": "paused",
    "resuming": "going on",
    "stopping": "stopping",
    "finishing": "saving the model",
    "stopped": "stopped",
    "failed": "failed: see why",
    "died": "broken off: see why",
}


def headline(view: RunView) -> str:
    """What is going on, or what came of it, in a few words."""
    if view.state == "none":
        return ""
    if view.state == "training":
        if not view.stage:
            return view.sentence
        # A run of an older version names its stages alone.
        words = view.stage_words or f"Stage {view.stage}"
        return f"{_part_words(view)}{words}. {view.preparing}".strip()
    if view.living:
        return view.sentence
    return f"{_ENDED[view.state]}{_came_of_it(view)}."


def _part_words(view: RunView) -> str:
    """Which of the two trainings of a comparison it is."""
    if view.arm_of is not None:
        return "Part 2 of 2, for comparison: "
    return "Part 1 of 2: " if view.compare else ""


def _came_of_it(view: RunView) -> str:
    if view.state not in ("finished", "stopped"):
        return ""
    if view.arm_of is not None:
        return ": labels alone, for comparison"
    if view.accepted is None:
        return ": it is checked now" if view.verdict else " before there was a model"
    return ": the new model is in use" if view.accepted else ": its model is not used"


def explanation(view: RunView) -> str:
    """Why a run ended as it did: verdict and numbers, or cause and remedy."""
    if view.living or view.state == "none":
        return ""
    if view.state in ("failed", "died"):
        return view.sentence
    if view.arm_of is not None:
        return ""  # What follows from it is told beside.
    verdict, score = view.verdict or "", main_score(view)
    told = score is not None and f"{score:.3f}" in verdict
    return verdict if told else f"{verdict} {score_words(view)}".strip()


def score_words(view: RunView) -> str:
    """The score of a finished model, and what it was measured on."""
    score = main_score(view)
    if score is None or not view.tuned_on:
        return ""
    kind = "Mean IoU" if _of_classes(view) else "Score"
    words = f"{kind} {score:.2f} of 1 on {view.tuned_on}."
    if any(name.startswith("training") for name in view.scores):
        words += (
            " It learned from them: that says little about other images. Mark a tile "
            "as validation to know more."
        )
    return words


def main_score(view: RunView) -> float | None:
    """Precision x recall at IoU 0.5, or mean IoU of classes; None where unknown."""
    for name, value in view.scores.items():
        if name.rsplit(".", 1)[-1] in _MAIN_SCORES and value is not None:
            return value
    return None


def _of_classes(view: RunView) -> bool:
    return any(name.rsplit(".", 1)[-1] == "mean_iou" for name in view.scores)


def progress_words(view: RunView) -> str:
    """``step 620 of 1,000, 3 min left``."""
    if view.step is None or view.n_steps is None:
        return ""
    words = f"step {view.step:,} of {view.n_steps:,}"
    if view.seconds_left is not None and view.seconds_left > 0:
        words += f", {duration_words(view.seconds_left)} left"
    return words


def place_words(view: RunView) -> str:
    """``cuda:0, 1.4 GB``."""
    if view.device is None:
        return ""
    memory = "" if view.memory_bytes is None else f", {size_words(view.memory_bytes)}"
    return f"{view.device}{memory}"


def short_words(view: RunView, title: str, why_not: str | None) -> str:
    """One line for the closed step.

    Parameters
    ----------
    title
        Of the method.
    why_not
        Why no run can be started; None: it can.
    """
    if view.living:
        return _living_words(view, title)
    if view.arm_of is not None and view.state == "finished":
        return "compared with labels alone"
    if view.state == "finished" and view.accepted is not None:
        score = main_score(view)
        kind = "mean IoU" if _of_classes(view) else "score"
        number = "" if score is None else f", {kind} {score:.2f}"
        return ("new model in use" if view.accepted else "old model kept") + number
    if view.state in _SHORT:
        return _SHORT[view.state]
    return "ready" if why_not is None else "nothing to learn from yet"


def _living_words(view: RunView, title: str) -> str:
    words = "labels alone" if view.arm_of is not None else title
    if view.check_of is not None:
        words = "cross-validation"
    if view.fraction is not None and view.state != "starting":
        words += f", {view.fraction:.0%}"
    if view.state != "training":
        return f"{words}, {_SHORT[view.state]}"
    if view.seconds_left:
        words += f", {duration_words(view.seconds_left)} left"
    return words


def duration_words(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 10 min``, ``3 days``."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 36 * 60:
        hours, rest = divmod(10 * round(minutes / 10), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days = round(minutes / (24 * 60))
    return f"{days} days"


def size_words(n_bytes: float) -> str:
    """``1.4 GB``."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.0f} MB"
