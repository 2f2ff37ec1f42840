from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.runs.folder import find_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_each_run_ends_with_a_report_that_has_examples(trained: Path) -> None:
    run = find_run(trained)
    text = (run.report / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(
        r'class="panel" alt="[^"]*" src="data:image/png;base64,', text
    )
    files = list((run.report / "examples").glob("*.png"))
    assert len(pictures) == len(files) >= 2 * 4
    assert "Training tile in cells0" in text
    assert "Unlabelled image in cells" in text
    assert "this method selects no pixels" in text
    encoded = {base64.b64encode(file.read_bytes()).decode() for file in files}
    assert all(one in text for one in encoded)
    assert str(trained) not in text


def test_report_is_written_anew_on_demand(
    trained: Path, cli: Callable[..., Any], tmp_path: Path
) -> None:
    run = find_run(trained)
    file = run.report / "report.html"
    file.unlink()
    assert cli("report", run.path).out.strip() == str(file)
    assert file.is_file()
    elsewhere = tmp_path / "new folder" / "report.html"
    assert cli("report", trained, "-o", elsewhere).out.strip() == str(elsewhere)
    assert elsewhere.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


def test_report_of_nothing_is_a_sentence(
    project: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert "no run yet" in refused("report", project)
    assert "neither a run nor a project" in refused("report", tmp_path)


def test_status_says_what_labels_cost_and_brought(
    trained: Path, cli: Callable[..., Any]
) -> None:
    (found,) = json.loads(cli("status", trained, "--json").out)["runs"]
    assert found["labels"]["tiles"] == 1
    assert found["labels"]["objects"] > 1
    assert found["labels"]["minutes"] is None
    assert found["validated"] is False
    assert found["measured_on"] == "1 training tile"
    assert found["score"] > 0.5
    assert found["comparison"] is None
    text = cli("status", trained).out
    assert f"Round 1: 1 tile(s), {found['labels']['objects']} object(s); score" in text
    assert "1 training tile, not validated." in text


def test_comparison_that_would_say_nothing_is_refused(
    project: Path, refused: Callable[..., str]
) -> None:
    words = refused("train", project, "--compare", "--method", "supervised")
    assert "labelled tiles alone" in words
    words = refused("train", project, "--compare", "--start", "last")
    assert "starts from the encoder weights" in words
    assert not list(project.glob("runs/*"))


@pytest.mark.slow
def test_compared_training_says_whether_unlabelled_images_helped(
    project: Path, pictures: Path, cli: Callable[..., Any]
) -> None:
    settings = ("--settings", pictures / "actis.toml", "--steps", 4)
    done = cli("train", project, *settings, "--compare", "--device", "cpu")
    assert done.code == 0, done.err
    assert "Now 4 steps from the labelled tiles alone" in done.err
    assert "Not validated" in done.out
    assert "from the labelled tiles alone" in done.out
    found, arm = json.loads(cli("status", project, "--json").out)["runs"]
    assert arm["arm_of"] == found["run"]
    assert found["comparison"]["arm"] == arm["run"]
    difference = found["score"] - arm["score"]
    assert found["comparison"]["difference"] == pytest.approx(difference)
    assert found["comparison"]["sentence"] in cli("status", project).out
    report = (find_run(project, found["run"]).report / "report.html").read_text("utf-8")
    assert arm["run"] in report
