from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import write_json
from napari_semiseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def judged(project: Path, score: float, **fields: Any) -> RunFolder:
    run = RunFolder.create(project, "actis")
    write_json(run.model / "model.json", {"name": run.id})
    facts: dict[str, Any] = {
        "state": "finished",
        "ended": f"2026-01-0{len(list(project.glob('runs/*/run.json')))}",
        "scores": {"validation.precision": 1.0, "validation.ap_actis": score},
        "tuned_on": "2 validation tiles",
        "validated": True,
    }
    run.update(**facts | fields)
    return run


def test_models_are_listed_and_chosen(project: Path, cli: Callable[..., Any]) -> None:
    assert "no model yet" in cli("models", project).out
    good = judged(project, 0.8, accepted=True)
    worse = judged(
        project, 0.6, accepted=False, verdict="It is worse: 0.6 against 0.8."
    )
    text = cli("models", project).out
    assert f"* {good.id}" in text.replace("  ", " ")
    assert "0.600  2 validation tiles" in text
    assert "It is worse: 0.6 against 0.8." in text

    text = cli("models", project, "--use", worse.id).out
    assert f"* {worse.id}" in text.replace("  ", " ")
    assert "chosen by hand" in text
    found = json.loads(cli("models", project, "--use", "auto", "--json").out)
    assert [(one["run"], one["in_use"], one["score"]) for one in found] == [
        (good.id, True, 0.8),
        (worse.id, False, 0.6),
    ]


def test_scores_without_validation_are_called_so(
    project: Path, cli: Callable[..., Any]
) -> None:
    judged(project, 0.9, accepted=True, validated=False, tuned_on="1 training tile")
    assert "1 training tile (not validated)" in cli("models", project).out


def test_choosing_what_is_not_there_is_a_sentence(
    project: Path, refused: Callable[..., str]
) -> None:
    judged(project, 0.9)
    assert "There is no run elsewhere" in refused(
        "models", project, "--use", "elsewhere"
    )
    unfinished = RunFolder.create(project, "actis")
    assert "no model yet" in refused("models", project, "--use", unfinished.id)
