"""Projects whose pixels have classes, from the first command to the last."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from tests.cli.conftest import SETTINGS, SHAPE

from napari_semiseg import api
from napari_semiseg.api.merging import with_own_classes
from napari_semiseg.files import read_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.labelled import labelled_areas
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.models import read_card_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

NAMES = ("cytoplasm", "nucleus")


def cells(seed: int, shape: tuple[int, int] = SHAPE) -> tuple[Any, Any]:
    """Grey cells with bright nuclei: image uint16, classes uint8."""
    rng = np.random.default_rng(seed)
    classes = np.zeros(shape, np.uint8)
    for y in range(3, 56, 20):
        for x in range(3, 72, 20):
            classes[y : y + 15, x : x + 15] = 1
            classes[y + 4 : y + 11, x + 4 : x + 11] = 2
    image = rng.normal(1000, 50, shape) + 1500.0 * classes
    return image.astype(np.uint16), classes


def make_work(folder: Path) -> Path:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed in range(3):
        image, classes = cells(seed)
        tifffile.imwrite(folder / "images" / f"cells{seed}.tif", image)
        tifffile.imwrite(folder / "labels" / f"cells{seed}.tif", classes)
    (folder / "small.toml").write_text(SETTINGS)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return make_work(tmp_path / "work")


@pytest.fixture(scope="module")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = make_work(tmp_path_factory.mktemp("semantic") / "work")
    folder, labels = work / "project", work / "labels"
    api.init(folder, [work / "images"], task="semantic", classes=NAMES, axes="YX")
    api.label(folder, "cells0", labels / "cells0.tif")
    api.label(folder, "cells1", labels / "cells1.tif", role="validation")
    record = api.train(
        folder,
        method="supervised",
        steps=50,
        settings=work / "small.toml",
        device="cpu",
        threads=1,
    )
    assert record.state == "finished", record.failure
    assert record.accepted
    return work


@pytest.fixture
def learned(learned_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(learned_once, tmp_path / "learned")
    return tmp_path / "learned"


def test_from_init_to_scores(cli: Callable[..., Done], work: Path) -> None:
    folder, labels = work / "project", work / "labels"
    done = cli(
        "init", folder, work / "images", "--axes", "YX", "--task", "semantic",
        "--classes", "cytoplasm, nucleus",
    )  # fmt: skip
    assert done.code == 0, done.err
    done = cli("label", folder, "cells0", labels / "cells0.tif")
    assert "background, cytoplasm, nucleus in 1 tile(s)." in done.out
    cli("label", folder, "cells1", labels / "cells1.tif", "--role", "validation")
    done = cli(
        "train", folder, "--steps", 3, "--settings", work / "small.toml",
        "--method", "supervised", "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "Scores, on 1 validation tile: mean IoU 0." in done.out
    found = read_json(find_run(folder).report / "scores.json")
    assert np.array(found["confusion"]).sum() == SHAPE[0] * SHAPE[1]
    done = cli("export", folder, "-o", work / "results", "--device", "cpu")
    assert done.code == 0, done.err
    done = cli("evaluate", work / "results", labels, "--task", "semantic")
    assert "all pixels together" in done.out
    assert "class 2" in done.out


def test_it_learns_and_its_card_says_what(learned: Path) -> None:
    run = find_run(learned / "project")
    card = read_card_json(run.model)
    assert (card["task"], card["classes"], card["n_classes"]) == (
        "semantic",
        list(NAMES),
        3,
    )
    scores = run.record().scores
    assert set(scores) == {
        "validation.mean_iou",
        "validation.mean_dice",
        "validation.iou background",
        "validation.iou cytoplasm",
        "validation.iou nucleus",
    }
    assert scores["validation.mean_iou"] > 0.5


def test_export_lays_own_classes_over_those_of_the_model(
    cli: Callable[..., Done], learned: Path
) -> None:
    done = cli(
        "export", learned / "project", "-o", learned / "out", "--device", "cpu",
        "--save", "classes,instances,confidence",
    )  # fmt: skip
    assert done.code == 0, done.err
    mine = tifffile.imread(learned / "out" / "cells0.tif")
    np.testing.assert_array_equal(mine, cells(0)[1])
    names = read_json(learned / "out" / "cells0.json")["classes"]
    assert names == {"0": "background", "1": "cytoplasm", "2": "nucleus"}
    pieces = tifffile.imread(learned / "out" / "instances" / "cells0.tif")
    assert len(np.unique(pieces)) - 1 == 2 * 3 * 4
    assert (learned / "out" / "instances" / "cells0.csv").is_file()
    assert (learned / "out" / "confidence" / "cells2.tif").is_file()
    lines = (learned / "out" / "cells0.csv").read_text().splitlines()
    assert lines[0] == "class,name,area,fraction"
    cytoplasm = int((mine == 1).sum())
    assert lines[2].startswith(f"1,cytoplasm,{cytoplasm},")
    assert len(lines) == 4

    truth = learned / "labels"
    done = cli(
        "evaluate", learned / "out", truth, "--task", "semantic", "--classes",
        "cytoplasm,nucleus", "--json", "-",
    )  # fmt: skip
    found = json.loads(done.out)
    assert found["images"]["cells0"]["mean_iou"] == 1
    assert 0.5 < found["images"]["cells2"]["mean_iou"] < 1
    assert np.array(found["pooled"]["confusion"]).sum() == 3 * SHAPE[0] * SHAPE[1]


def test_a_model_folder_predicts_classes(learned: Path) -> None:
    model = find_run(learned / "project").model
    report = api.predict(
        model, [learned / "images" / "cells2.tif"], output=learned / "out", device="cpu"
    )
    assert [path.name for path in report.written[0].files] == ["cells2.tif"]
    found = tifffile.imread(learned / "out" / "cells2.tif")
    assert found.dtype == np.uint8
    assert (found == cells(2)[1]).mean() > 0.8


def test_accepted_pieces_keep_their_class(learned: Path) -> None:
    project = Project.open(learned / "project")
    report = api.accept(project, "cells2", device="cpu")
    assert isinstance(report, api.AcceptedTile) is False
    item = project.image("cells2")
    records = CorrectionStore(project).objects(item)
    assert {record.class_id for record in records.values()} == {1, 2}
    proposed = api.predict(
        project, ["cells2"], output=learned / "out", device="cpu"
    ).written[0]
    found = tifffile.imread(proposed.files[0])
    nothing = np.zeros(item.shape, np.uint8)
    own = with_own_classes(project, item, nothing)
    assert (own[own > 0] == found[own > 0]).all()
    assert (own > 0).mean() > 0.5 * (found > 0).mean()


def test_finished_tiles_over_corrections_over_strokes(tmp_path: Path) -> None:
    """Three rows: a finished tile, a correction, a tile to do; drawn by hand."""
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    project = Project.create(tmp_path / "p", "semantic", NAMES)
    project.add_images([image], axes="YX")
    (item,) = project.images
    tiles, store = AnnotationStore(project), CorrectionStore(project)
    labels = np.zeros((64, 64), np.int32)
    labels[0:8, 0:8] = 2
    tiles.import_labels(item, labels, [Box((0, 0), (32, 32))], classes={2: 2})
    tiles.import_labels(
        item, labels[::-1].copy(), [Box((32, 0), (32, 32))], "to do", classes={2: 2}
    )
    box = Box((20, 0), (30, 10))  # Reaches into both.
    said = Corrections.unset(box)
    said.instances[:, :4], said.owners[:, :4] = 5, Owner.HUMAN
    said.owners[:, 4:6] = Owner.HUMAN  # Background.
    said.classes[:, 8] = 2
    store.write(item, box, said, {5: ObjectRecord(owner=Owner.HUMAN, box=box)})

    merged = with_own_classes(project, item, np.full((64, 64), 9, np.uint8))
    assert (merged[:8, :8] == 2).all()
    assert (merged[8:32, :32] == 0).all()
    assert merged[40, :10].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 2, 0]
    assert (merged[56:, :8] == 2).all()  # A stroke in the tile that is to do.
    assert (merged[:, 40:] == 9).all()

    (tile, area) = list(labelled_areas(project))
    assert tile.annotation.annotated.all()  # No edge is boundary: none is unknown.
    assert area.annotation.classes == {}


def test_grey_values_stand_for_classes(tmp_path: Path, work: Path) -> None:
    folder = tmp_path / "p"
    api.init(folder, [work / "images"], task="semantic", classes=NAMES[::-1], axes="YX")
    grey = np.array([0, 128, 255], np.uint8)[cells(0)[1]]
    report = api.label(
        folder,
        "cells0",
        grey,
        class_values="0:background,128:cytoplasm,255:nucleus",
    )
    assert report.classes == ("background", "nucleus", "cytoplasm")
    project = Project.open(folder)
    item = project.image("cells0")
    drawn = with_own_classes(project, item, np.zeros(item.shape, np.uint8))
    np.testing.assert_array_equal(drawn, np.array([0, 2, 1])[cells(0)[1]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "holds 128, 255, but the classes of this project are 0 background, 1 cyt"),
        (("--separate",), "are classes, not objects"),
        (("--class-values", "0:background,128:cell"), "has not the classes cell"),
        (("--class-values", "128:cytoplasm"), "must name the background"),
    ],
)
def test_numbers_that_are_no_classes_are_refused(
    refused: Callable[..., str], work: Path, options: tuple[str, ...], words: str
) -> None:
    folder = work / "project"
    api.init(folder, [work / "images"], task="semantic", classes=NAMES, axes="YX")
    grey = work / "grey.tif"
    tifffile.imwrite(grey, np.array([0, 128, 255], np.uint8)[cells(0)[1]])
    assert words in refused("label", folder, "cells0", grey, *options)
    assert (
        AnnotationStore(Project.open(folder)).tiles(
            Project.open(folder).image("cells0")
        )
        == []
    )


def test_masks_of_other_classes_are_not_compared(
    refused: Callable[..., str], work: Path
) -> None:
    words = refused(
        "evaluate", work / "labels", work / "labels", "--task", "semantic",
        "--classes", "cell",
    )  # fmt: skip
    assert "the classes are 0 to 1" in words
