from __future__ import annotations

import importlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_semiseg import api
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json, write_json
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (64, 80)


def ended(project: Path, score: float | None, **fields: Any) -> RunFolder:
    run = RunFolder.create(project, "actis")
    write_json(run.model / "model.json", {"name": run.id})
    number = len(list(project.glob("runs/*/run.json")))
    facts: dict[str, Any] = {
        "state": "finished",
        "ended": f"2026-01-0{number}",
        "accepted": True,
        "scores": {} if score is None else {"validation.ap_actis": score},
        "tuned_on": "2 validation tiles",
        "validated": True,
        "labels": {"tiles": number, "objects": 10 * number, "minutes": 2.6 * number},
    }
    run.update(**facts | fields)
    return run


class Found:
    """Stands in for `Proposals`: what each round finds in ``cells0``."""

    maps: dict[str, np.ndarray]

    def __init__(self, project: Project, device: str, run: RunFolder) -> None:
        self.run = run

    def instances(self, item: Any, progress: Any = None) -> np.ndarray:
        if item.name == "cells1.tif":
            raise SemisegError("The file cells1.tif is gone.")
        return self.maps[self.run.id]


@pytest.fixture
def two_rounds(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runs = [ended(project, 0.5), ended(project, 0.75)]
    before, after = np.zeros((2, *SHAPE), np.int32)
    before[2:8, 2:8], after[2:8, 2:8] = 4, 9
    before[20:30, 2:22] = 5
    after[20:30, 2:11], after[20:30, 13:22] = 1, 2
    after[50:55, 50:55] = 3
    Found.maps = {runs[0].id: before, runs[1].id: after}
    module = importlib.import_module("napari_semiseg.api.rounds")
    monkeypatch.setattr(module, "Proposals", Found)
    return project


def test_rounds_are_listed_with_what_they_cost(
    project: Path, cli: Callable[..., Any]
) -> None:
    assert "no round yet" in cli("rounds", project).out
    first = ended(project, 0.5, validated=False, tuned_on="1 training tile")
    ended(project, None, labels=None)

    lines = [" ".join(line.split()) for line in cli("rounds", project).out.splitlines()]

    assert lines == [
        "round method tiles objects minutes score on",
        "1 actis 1 10 3 0.500 1 training tile (not validated)",
        "* 2 actis - - - - 2 validation tiles",
        "* is in use",
    ]
    told = json.loads(cli("rounds", project, "--json").out)
    assert [(one["number"], one["in_use"]) for one in told] == [(1, False), (2, True)]
    assert api.rounds(project)[0].run == first.id


def test_changes_are_counted_for_each_image(
    two_rounds: Path, cli: Callable[..., Any]
) -> None:
    done = cli("rounds", two_rounds, "--diff", "1", "2")

    assert "Not compared: cells1.tif: The file cells1.tif is gone." in done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[-3:] == [
        "image round 1 round 2 gained lost split merged reshaped kept".split(),
        ["cells0.tif", "2", "4", "1", "0", "1", "0", "0", "1"],
        ["all", "2", "4", "1", "0", "1", "0", "0", "1"],
    ]


def test_changes_are_told_to_scripts_and_backwards(
    two_rounds: Path, cli: Callable[..., Any]
) -> None:
    options = ("--diff", "2", "1", "--image", "cells0", "--json")
    told = json.loads(cli("rounds", two_rounds, *options).out)

    assert (told["before"]["number"], told["after"]["number"]) == (2, 1)
    (image,) = told["images"]
    assert (image["gained"], image["lost"]) == (0, 1)
    assert (image["split"], image["merged"], image["kept"]) == (0, 1, 1)


def test_a_round_can_be_named_by_its_run(two_rounds: Path) -> None:
    first, second = api.rounds(two_rounds)

    compared = api.compare_rounds(two_rounds, first.run, second.run, ["cells0"])

    assert compared.before == first
    assert compared.images[0].split == 1


def test_rounds_that_are_not_there_are_a_sentence(
    two_rounds: Path, project: Path, refused: Callable[..., str]
) -> None:
    assert "no round 7: give a number from 1 to 2" in refused(
        "rounds", two_rounds, "--diff", 1, 7
    )


def test_a_project_without_rounds_has_nothing_to_compare(
    project: Path, refused: Callable[..., str]
) -> None:
    assert "no round yet" in refused("rounds", project, "--diff", 1, 2)


@pytest.mark.slow
def test_models_of_two_rounds_are_compared(
    trained: Path, cli: Callable[..., Any]
) -> None:
    project = Project.open(trained)
    used = model_in_use(project)
    assert used is not None
    item = project.image("cells1")
    Proposals(project, "cpu").instances(item)
    (stored,) = (trained / "predictions" / item.id).glob("*.tif")
    # Another round with the same weights that takes everything for background.
    copy = used.path.with_name(f"{used.id}-2")
    shutil.copytree(used.path, copy)
    card = read_json(copy / "model" / "model.json")
    write_json(copy / "model" / "model.json", card | {"thresholds": [0.999999, 1.0]})
    RunFolder(copy).update(id=copy.name, accepted=False)

    compared = api.compare_rounds(trained, 1, 2, ["cells1"], device="cpu")

    (image,) = compared.images
    assert (image.n_before or 0) > 4
    assert (image.n_after, image.lost) == (0, image.n_before)
    # What the model in use has found is still there.
    assert [*(trained / "predictions" / item.id).glob("*.tif")] == [stored]
