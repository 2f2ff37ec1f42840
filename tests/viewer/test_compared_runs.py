from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.files import write_json
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.viewer.review.verdicts import last_verdict
from napari_semiseg.viewer.training.earlier_runs import earlier_runs
from napari_semiseg.viewer.training.run_view import RunView
from napari_semiseg.viewer.training.run_watch import find_run_to_show
from napari_semiseg.viewer.training.run_words import (
    explanation,
    headline,
    short_words,
)

if TYPE_CHECKING:
    from pathlib import Path


def finished(
    project: Path, method: str, scores: list[float], **facts: Any
) -> RunFolder:
    run = RunFolder.create(project, method)
    write_json(run.model / "model.json", {"name": run.id})
    tiles = [
        {"image_id": f"{n}", "origin": [0, 0], "size": [8, 8], "ap_actis": score}
        for n, score in enumerate(scores)
    ]
    content = {"measured_on": "3 validation tiles", "tiles": tiles}
    write_json(run.report / "scores.json", content)
    run.update(state="finished", validated=True, total_steps=600, **facts)
    return run


def test_supervised_arm_tells_what_unlabelled_images_did(tmp_path: Path) -> None:
    run = finished(
        tmp_path, "actis", [0.8, 0.7, 0.9], accepted=True, verdict="It is the first."
    )
    arm = {"arm_of": run.id, "accepted": False, "verdict": "It is an arm."}
    finished(tmp_path, "supervised", [0.6, 0.5, 0.68], **arm)

    assert earlier_runs(tmp_path).comparison == (
        "With unlabelled images 0.80, from labels alone 0.59 (on 3 validation tiles). "
        "They helped."
    )
    verdict = last_verdict(tmp_path)
    assert verdict is not None
    assert verdict.sentence == "It is the first."


@pytest.mark.parametrize(
    ("ours", "theirs", "validated", "said"),
    [
        ([0.5, 0.6, 0.7], [0.8, 0.9, 1.0], True, "They did harm."),
        ([0.5, 0.9, 0.7], [0.8, 0.5, 0.7], True, "too close to tell"),
        ([0.9], [0.5], True, "One validation tile cannot tell"),
        ([0.9, 0.8], [0.5, 0.4], False, "nobody can tell"),
    ],
)
def test_it_is_said_when_nobody_can_tell(
    tmp_path: Path,
    ours: list[float],
    theirs: list[float],
    validated: bool,
    said: str,
) -> None:
    run = finished(tmp_path, "actis", ours, accepted=True)
    run.update(validated=validated)
    finished(tmp_path, "supervised", theirs, arm_of=run.id, accepted=False)

    assert said in earlier_runs(tmp_path).comparison


def test_the_run_itself_is_shown_once_both_have_ended(tmp_path: Path) -> None:
    run = finished(tmp_path, "actis", [0.5, 0.6], accepted=True)
    finished(tmp_path, "supervised", [0.5, 0.6], arm_of=run.id, accepted=False)

    assert find_run_to_show(tmp_path) == (run, False)


def test_words_tell_the_two_parts_apart() -> None:
    view = RunView("a", "actis", state="training", stage="x", stage_words="Learning")
    assert headline(view) == "Learning."
    assert headline(replace(view, compare=True)) == "Part 1 of 2: Learning."
    arm = replace(view, arm_of="a", step=5, n_steps=10)
    assert headline(arm) == "Part 2 of 2, for comparison: Learning."
    assert short_words(arm, "Supervised", None) == "labels alone, 50%"
    # The model in use is what people want to see meanwhile.
    assert view.answers
    assert not arm.answers
    ended = replace(arm, state="finished", accepted=False, verdict="It is an arm.")
    assert headline(ended) == "Finished: labels alone, for comparison."
    assert explanation(ended) == ""
    assert short_words(ended, "Supervised", None) == "compared with labels alone"
