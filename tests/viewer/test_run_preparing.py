"""What the dock says while a stage prepares its first step, and of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_semiseg.runs.record import RunRecord
from napari_semiseg.viewer.training.run_story import RunStory
from napari_semiseg.viewer.training.run_view import RunView
from napari_semiseg.viewer.training.run_words import headline, main_score


def event(name: str, step: int, **fields: Any) -> dict[str, Any]:
    return {"event": name, "time": 10.0 + step, "step": step, **fields}


def test_a_preparation_is_told_until_the_first_step() -> None:
    record = RunRecord(id="run", method="toy", state="starting", asked=5.0)
    story = RunStory("run", record)
    story.take(event("preparing", 0, stage="ranking", sentence="3 of 20 images."))
    assert story.view.state == "training"
    assert headline(story.view) == "Stage ranking. 3 of 20 images."
    story.take(event("step", 1, stage="ranking", losses={}, n_steps=4))
    assert headline(story.view) == "Stage ranking."


def test_a_stage_is_told_in_the_words_that_its_method_brings() -> None:
    story = RunStory("run", RunRecord(id="run", method="toy", asked=5.0))
    story.take(event("started", 0, n_steps=4, stages={"x": "Learning to see"}))
    story.take(event("step", 1, stage="x", losses={}, n_steps=4))
    assert headline(story.view) == "Learning to see."
    story.take(event("step", 2, stage="y", losses={}, n_steps=4))
    assert headline(story.view) == "Stage y."


def test_the_score_of_a_semantic_model_is_its_mean_iou() -> None:
    view = replace(RunView(), scores={"validation.mean_iou": 0.7, "validation.x": 0.1})
    assert main_score(view) == 0.7
