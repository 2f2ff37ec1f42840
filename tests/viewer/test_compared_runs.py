from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.files import write_json
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.viewer.review.verdicts import last_verdict
from napari_semiseg.viewer.training.earlier_runs import earlier_runs

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

    said = earlier_runs(tmp_path).comparison
    assert said.startswith("The unlabelled images helped: 0.800 with them")
    verdict = last_verdict(tmp_path)
    assert verdict is not None
    assert verdict.sentence == "It is the first."
