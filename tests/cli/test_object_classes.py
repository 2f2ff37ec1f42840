"""Projects whose objects have one of two classes, from first to last command."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from tests.cli.conftest import ACTIS, SETTINGS, SHAPE

from napari_semiseg import api
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.files import read_json
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.models import read_card_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

NAMES = ("dim", "bright")


def nuclei(seed: int) -> tuple[Any, Any, dict[int, str]]:
    """Dim and bright squares on noise: image, ids uint16, name of each id's class."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint16)
    image = rng.normal(1000, 50, SHAPE)
    corners = [(y, x) for y in range(3, 56, 19) for x in range(3, 72, 19)]
    classes = {}
    for number, (y, x) in enumerate(corners, start=1):
        side = rng.integers(9, 13)
        kind = (number + seed) % 2
        labels[y : y + side, x : x + side] = number
        image[y : y + side, x : x + side] += (3000, 7000)[kind]
        classes[number] = NAMES[kind]
    return image.astype(np.uint16), labels, classes


def make_work(folder: Path) -> Path:
    """Images, label images with tables beside them, label images of classes."""
    for name in ("images", "labels", "kinds"):
        (folder / name).mkdir(parents=True)
    for seed in range(3):
        image, labels, classes = nuclei(seed)
        tifffile.imwrite(folder / "images" / f"cells{seed}.tif", image)
        tifffile.imwrite(folder / "labels" / f"cells{seed}.tif", labels)
        grey = np.zeros(SHAPE, np.uint8)
        rows = ["label,class,note"]
        for number, name in classes.items():
            grey[labels == number] = {"dim": 100, "bright": 200}[name]
            rows.append(f"{number},{name},")
        tifffile.imwrite(folder / "kinds" / f"cells{seed}.tif", grey)
        (folder / "labels" / f"cells{seed}.csv").write_text("\n".join(rows))
    (folder / "small.toml").write_text(SETTINGS)
    (folder / "actis.toml").write_text(SETTINGS + ACTIS)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return make_work(tmp_path / "work")


@pytest.fixture(scope="module")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = make_work(tmp_path_factory.mktemp("classes") / "work")
    folder, labels = work / "project", work / "labels"
    api.init(folder, [work / "images"], classes=NAMES, axes="YX")
    api.label(folder, "cells0", labels / "cells0.tif")
    api.label(folder, "cells1", labels / "cells1.tif", role="validation")
    record = api.train(
        folder,
        method="supervised",
        steps=80,
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


def table_of(path: Path) -> dict[int, str]:
    with path.open(encoding="utf-8") as file:
        return {int(row["label"]): row["class"] for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "settings", "steps"),
    [("supervised", "small", 3), ("actis", "actis", 4), ("fixmatch-st", "tiny", 6)],
)
def test_from_init_to_scores(
    cli: Callable[..., Done], work: Path, method: str, settings: str, steps: int
) -> None:
    folder, labels = work / "project", work / "labels"
    (work / "tiny.toml").write_text(SETTINGS.split("[supervised]")[0])
    done = cli(
        "init", folder, work / "images", "--axes", "YX", "--classes", "dim, bright"
    )
    assert done.code == 0, done.err
    done = cli("label", folder, "cells0", labels / "cells0.tif")
    counts = list(nuclei(0)[2].values())
    words = f"({counts.count('dim')} dim, {counts.count('bright')} bright) in 1 tile(s)"
    assert words in done.out
    cli("label", folder, "cells1", labels / "cells1.tif", "--role", "validation")
    done = cli(
        "train", folder, "--steps", steps, "--settings", work / f"{settings}.toml",
        "--method", method, "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    scores = read_json(find_run(folder).report / "scores.json")
    assert scores["object_classes"]["classes"] == list(NAMES)
    model = find_run(folder).model
    card = read_card_json(model)
    assert (card["n_classes"], card["n_kinds"]) == (3, 2)
    done = cli("predict", model, work / "images" / "cells2.tif", "-o", work / "out")
    assert done.code == 0, done.err
    found = read_json(work / "out" / "cells2.json")["object_classes"]
    ids = np.unique(tifffile.imread(work / "out" / "cells2.tif"))
    assert sorted(map(int, found)) == ids[ids > 0].tolist()


@pytest.mark.slow
def test_it_learns_which_object_is_of_which_class(learned: Path) -> None:
    scores = find_run(learned / "project").record().scores
    assert scores["validation.ap_actis"] > 0.3
    assert scores["validation.class_accuracy"] > 0.9
    assert {"validation.ap dim", "validation.ap bright"} <= scores.keys()


@pytest.mark.slow
def test_export_names_the_class_of_every_object(
    cli: Callable[..., Done], learned: Path
) -> None:
    done = cli(
        "export", learned / "project", "-o", learned / "out", "--device", "cpu",
        "--consecutive",
    )  # fmt: skip
    assert done.code == 0, done.err
    for seed in range(3):
        mask = tifffile.imread(learned / "out" / f"cells{seed}.tif")
        table = table_of(learned / "out" / f"cells{seed}.csv")
        beside = read_json(learned / "out" / f"cells{seed}.json")["object_classes"]
        assert {int(n): c for n, c in beside.items()} == table
        ids = np.unique(mask[mask > 0]).tolist()
        assert list(table) == ids == list(range(1, len(ids) + 1))
        _, truth, classes = nuclei(seed)
        true = [classes.get(int(np.median(truth[mask == n])), "none") for n in table]
        right = np.mean([a == b for a, b in zip(true, table.values(), strict=True)])
        # Of labelled images the person's own objects, with their classes, are exported.
        assert right == 1 if seed < 2 else right > 0.7

    done = cli("evaluate", learned / "out", learned / "labels", "--json", "-")
    found = json.loads(done.out)["object_classes"]
    assert found["classes"] == ["bright", "dim"]
    assert found["class_accuracy"] > 0.9
    assert 0.5 < found["ap dim"] <= 1
    done = cli(
        "evaluate", learned / "out", learned / "labels", "--classes", "dim,bright"
    )
    assert "of those found have the right one" in done.out
    assert "\ndim" in done.out


@pytest.mark.slow
def test_stored_objects_keep_their_classes_and_accepting_takes_them(
    learned: Path,
) -> None:
    project = Project.open(learned / "project")
    item = project.image("cells2")
    instances, classes = Proposals(project, "cpu").objects(item)
    assert set(classes.values()) == {1, 2}
    again = Proposals(project, "cpu")
    stored, kept = again.objects(item)
    assert "_loaded" not in vars(again)  # Read, not predicted.
    assert kept == classes
    np.testing.assert_array_equal(stored, instances)

    report = api.accept(project, "cells2", device="cpu")
    assert not isinstance(report, api.AcceptedTile)
    records = CorrectionStore(project).objects(item)
    assert {records[new].class_id for new in report.accepted.values()} == {1, 2}
    assert all(
        records[new].class_id == classes[o] for o, new in report.accepted.items()
    )


def test_a_table_an_image_or_numbers_say_the_class(work: Path) -> None:
    _, labels, classes = nuclei(0)
    expected = {n: 2 for n, name in classes.items() if name == "bright"}
    ways: list[dict[str, Any]] = [
        {},
        {"object_classes": work / "labels" / "cells0.csv"},
        {
            "object_classes": work / "kinds" / "cells0.tif",
            "class_values": "0:background,100:dim,200:bright",
        },
    ]
    for number, options in enumerate(ways):
        folder = work / f"p{number}"
        api.init(folder, [work / "images"], classes=NAMES, axes="YX")
        api.label(folder, "cells0", work / "labels" / "cells0.tif", **options)
        project = Project.open(folder)
        item = project.image("cells0")
        (record,) = AnnotationStore(project).tiles(item)
        assert record.classes == expected
    folder = work / "p9"
    api.init(folder, [work / "images"], classes=NAMES, axes="YX")
    given: dict[int, int | str] = dict.fromkeys(classes, 2)
    report = api.label(folder, "cells0", labels, object_classes=given)
    assert report.of_classes == {"dim": 0, "bright": len(classes)}


def test_classes_that_do_not_fit_are_refused(
    refused: Callable[..., str], work: Path
) -> None:
    folder, mask = work / "project", work / "labels" / "cells0.tif"
    api.init(folder, [work / "images"], classes=NAMES, axes="YX")
    table = work / "table.csv"
    option = ("--object-classes", table)
    table.write_text("label,class\n1,dim\n")
    assert "of which class 11 object(s) are (2, 3" in refused(
        "label", folder, "cells0", mask, *option
    )
    table.write_text("label,class\n1,grey\n")
    assert "of class 'grey', but the classes are dim, bright" in refused(
        "label", folder, "cells0", mask, *option
    )
    table.write_text("label,kind\n1,dim\n")
    assert "columns label and class" in refused(
        "label", folder, "cells0", mask, *option
    )
    table.write_text("label,class\none,dim\n")
    assert "cannot be read" in refused("label", folder, "cells0", mask, *option)
    assert "holds 100, but there are only 2 classes" in refused(
        "label", folder, "cells0", mask, "--object-classes",
        work / "kinds" / "cells0.tif",
    )  # fmt: skip
    (work / "labels" / "cells0.csv").unlink()
    words = refused("evaluate", mask, mask, "--classes", "dim,bright")
    assert "stands neither in cells0.json nor in cells0.csv" in words
