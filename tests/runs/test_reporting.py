from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fake_training import FakeTraining, training_run

from napari_semiseg.files import write_json
from napari_semiseg.learning.citations import CITATIONS, how_to_cite
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.learning.size_report import RegionSize, SizeReport
from napari_semiseg.runs.checking.check import conclude
from napari_semiseg.runs.checking.result import CrossValidated
from napari_semiseg.runs.chosen_model import choose_model
from napari_semiseg.runs.collapse import Foreground
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.report import write_report
from napari_semiseg.runs.reporting import page as page_module
from napari_semiseg.runs.reporting.examples import Example, read_examples
from napari_semiseg.runs.reporting.facts import read_facts
from napari_semiseg.runs.reporting.markup import Markup, markup, table, tag
from napari_semiseg.runs.reporting.page import (
    report_file,
    write_page,
    write_page_if_possible,
)
from napari_semiseg.runs.reporting.panels import (
    input_picture,
    label_picture,
    outlined,
    png,
)
from napari_semiseg.runs.reporting.provenance import weights_words
from napari_semiseg.runs.rounds import rounds
from napari_semiseg.runs.sizes import write_sizes

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "<script>alert('x')</script>\"&<img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "link"}


class Seen(HTMLParser):
    """What a browser would see: elements, their attributes, text; tags in balance."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self._open += [] if tag in VOID else [tag]
        self.links += [value for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def finished(project: Path, method: str = "actis", **fields: Any) -> RunFolder:
    """A run that ended, with all files that a report reads."""
    run = RunFolder.create(project, method)
    settings = make_settings(
        method, "default", {"steps": 5, "network": {"encoder": "resnet18"}}
    )
    training_run(run, FakeTraining()).train()
    write_report(run)
    tile = {"image_id": "a-1", "origin": [0, 8], "size": [32, 32], "role": "validation"}
    content = {"images": {"a-1": "h"}, "tiles": [tile], "classes": ["nucleus"]}
    write_json(run.inputs / "inputs.json", content)
    rows = [{**tile, "ap_actis": 0.25, "f1": 0.5, "tp": 1, "fp": 1, "fn": 1}]
    scores = {
        "measured_on": "1 validation tile",
        "mean": {"ap_actis": 0.25, "f1": 0.5},
        "thresholds": {"foreground": 0.45, "seed": 0.6},
        "tiles": rows,
    }
    write_json(run.report / "scores.json", scores)
    card = {
        "name": run.id,
        "weights_source": "ImageNet weights from a file.",
        "network": {"architecture": "unet", "encoder": "resnet18", "weights": "auto"},
        "ancestors": [],
    }
    write_json(run.model / "model.json", card)
    facts: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "seed": 3,
        "device": "cpu",
        "threads": 2,
        "versions": {"torch": "2.15", "napari-semiseg": "0.1.0"},
        "scores": {"validation.ap_actis": 0.25},
        "tuned_on": "1 validation tile",
        "validated": True,
        "labels": {"tiles": 2, "objects": 17, "minutes": 12.4, "tile_objects": 17},
    }
    run.update(**facts | fields)
    return run


def read(run: RunFolder) -> Seen:
    text = write_page(run).read_text(encoding="utf-8")
    seen = Seen(text)
    assert "script" not in seen.tags
    assert not seen.handlers
    assert all(link.startswith("data:image/png;base64,") for link in seen.links)
    assert "url(" not in text
    return seen


def test_report_says_all_that_is_asked_of_it(tmp_path: Path) -> None:
    run = finished(tmp_path / "my-project")
    text = read(run).text
    for words in (
        "actis on my-project",
        "network.encoder",  # Changed, with the preset's value beside it:
        "resnet18",
        "Changed setting",
        "Validated on 1 validation tile",
        "From the encoder weights, with a new decoder. ImageNet weights from a file.",
        "12",
        "Version of torch",
        "2.15",
        "2 thread(s)",
        "Rumberger",
        "0.250",
        "foreground 0.450, seeds 0.600",
        "jackknife",
        "train with --compare",
        "17",
    ):
        assert words in text, words
    before, after = text.split("All settings")
    assert "steps" in before
    assert "validate_every" not in before  # As in the preset.
    assert "validate_every" in after


def test_curves_lie_in_the_file_itself(tmp_path: Path) -> None:
    seen = read(finished(tmp_path))
    assert seen.tags.count("img") == 1


def test_names_of_strangers_run_nothing(tmp_path: Path) -> None:
    project = tmp_path / "a <b>project"
    run = finished(
        project,
        verdict=EVIL,
        messages=(EVIL,),
        versions={EVIL: EVIL},
        tuned_on=EVIL,
    )
    write_json(
        project / "project.json",
        {"images": [{"id": "a-1", "path": EVIL.replace("/", "")}]},
    )
    content = {"images": {"a-1": EVIL}, "tiles": [], "classes": [EVIL], "task": EVIL}
    write_json(run.inputs / "inputs.json", content)
    panel = {"file": "../../../run.json", "words": EVIL}
    folder = run.report / "examples"
    folder.mkdir()
    write_json(folder / "examples.json", [{"title": EVIL, "panels": [panel]}])
    seen = read(run)
    assert "<script>alert('x')</script>" in seen.text  # As text that is read.
    assert "a <b>project" in seen.text
    assert read_examples(run) == []  # No file outside of the folder.


def test_a_policy_forbids_scripts_and_loading(tmp_path: Path) -> None:
    text = write_page(finished(tmp_path)).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_only_markup_is_not_escaped() -> None:
    assert markup("a<b") == "a&lt;b"
    assert tag("p", "a<b", Markup("<i>x</i>"), class_='"') == (
        '<p class="&quot;">a&lt;b<i>x</i></p>'
    )
    assert "<td>&lt;</td>" in table(("head",), [("<",)])
    assert table(("head",), []) == ""


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_run_without_a_model_has_a_report_too(tmp_path: Path, state: str) -> None:
    run = RunFolder.create(tmp_path, "actis")
    run.update(state=state, failure="The disk is full." if state == "failed" else None)
    text = read(run).text
    assert ("The disk is full." if state == "failed" else "stopped") in text
    assert "Nothing was measured." in text
    assert "No step was made." in text


def test_not_validated_is_said(tmp_path: Path) -> None:
    facts = {"validated": False, "tuned_on": "2 training tiles", "accepted": True}
    text = read(finished(tmp_path, **facts)).text
    assert "Not validated: scores are those on 2 training tiles" in text


def test_model_chosen_by_hand_is_told_from_one_that_was_taken(tmp_path: Path) -> None:
    run = finished(tmp_path, accepted=False, verdict="It is worse.")
    assert "Its model is not in use. It is worse." in read(run).text
    choose_model(tmp_path, run)
    assert (
        "Its model is in use, chosen by hand. When the run ended, it was said: "
        "It is worse."
    ) in read(run).text


def test_earlier_models_are_named(tmp_path: Path) -> None:
    run = finished(tmp_path, start="last")
    card = {
        "weights_source": "Random weights.",
        "ancestors": [{"name": "second"}, {"name": "first"}],
    }
    write_json(run.model / "model.json", card)
    assert weights_words(read_facts(run)) == (
        "From an earlier model, second, which went on from first. The first encoder: "
        "Random weights."
    )


def test_rounds_show_what_labels_cost(tmp_path: Path) -> None:
    first = finished(tmp_path, accepted=True, ended="2026-01-01")
    more = {"tiles": 4, "objects": 40, "minutes": None}
    scores = {"validation.ap_actis": 0.75}
    second = finished(
        tmp_path, accepted=True, ended="2026-01-02", labels=more, scores=scores
    )
    finished(tmp_path, "supervised", arm_of=second.id, accepted=False)
    found = rounds(tmp_path)
    assert [(one.run, one.objects, one.score, one.in_use) for one in found] == [
        (first.id, 17, 0.25, False),
        (second.id, 40, 0.75, True),
    ]
    assert found[0].words == (
        "Round 1: 2 tile(s), 17 object(s), 12 min of labelling; score 0.250 on 1 "
        "validation tile."
    )
    seen = read(second)
    assert seen.tags.count("img") == 2  # The curves, and score against objects.


def test_failure_to_write_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tmp_path)

    def broken(facts: object) -> str:
        raise RuntimeError("no font")

    monkeypatch.setattr(page_module, "_SECTIONS", (broken,))
    with caplog.at_level(logging.WARNING):
        write_page_if_possible(run)
    assert "no font" in caplog.text
    assert not report_file(run).exists()


def test_end_of_an_arm_renews_the_report_of_its_run(tmp_path: Path) -> None:
    run = finished(tmp_path, compare=True, total_steps=5)
    write_page_if_possible(run)
    assert "has not finished" in Seen(report_file(run).read_text()).text
    arm = finished(tmp_path, "supervised", arm_of=run.id, state="finished")
    write_page_if_possible(arm)
    assert "One validation tile cannot tell" in Seen(report_file(run).read_text()).text
    assert f"supervised arm of {run.id}" in Seen(report_file(arm).read_text()).text


def test_every_method_is_cited() -> None:
    assert CITATIONS.keys() == METHODS.keys()
    assert "napari-semiseg" in how_to_cite("unknown", "1.2")[0]
    assert "Version 1.2." in how_to_cite("actis", "1.2")[-1]


def test_pictures_of_arrays() -> None:
    grey = input_picture(np.array([[[0.0, 1.0, 7.0]]], np.float32))
    assert grey.tolist() == [[[0, 0, 0], [255, 255, 255], [255, 255, 255]]]
    assert input_picture(np.ones((2, 1, 1), np.float32)).tolist() == [[[255, 255, 0]]]
    labels = np.zeros((5, 5), int)
    labels[1:4, 1:4] = 3
    labels[0, 0] = -1
    colours = label_picture(labels)
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 3
    edges = outlined(np.zeros((5, 5, 3), np.uint8), labels, (9, 9, 9))
    assert (edges[..., 0] == 9).sum() == 8  # All of the square but its middle.
    assert png(grey).startswith(b"\x89PNG")


def test_examples_are_the_worst_the_middle_and_the_best() -> None:
    from napari_semiseg.geometry import ArraySource
    from napari_semiseg.learning.training_set import (
        LabelledTile,
        TrainingSet,
        UnlabelledImage,
    )
    from napari_semiseg.runs.reporting.examples import choose_examples

    image = np.zeros((1, 600, 300), np.float32)
    zeros = np.zeros((600, 300), np.int32)
    tiles = [
        LabelledTile(image, zeros, zeros == 0, image_id=str(n), role="validation")
        for n in range(5)
    ]
    training = LabelledTile(image, zeros, zeros > 0, image_id="t")
    unlabelled = [UnlabelledImage(ArraySource(image), f"u{n}") for n in range(3)]
    known = TrainingSet((*tiles, training), tuple(unlabelled))
    found: list[Example] = choose_examples(known, tiles, [0.5, 0.9, 0.1, 0.7, 0.6], 1)
    assert [one.image_id for one in found[:4]] == ["2", "4", "1", "t"]
    assert {one.kind for one in found[4:]} == {"unlabelled image"}
    assert all(one.box.size == (256, 256) for one in found)
    assert found[0].truth is not None
    assert found[0].truth.shape == (256, 256)
    assert (found[3].truth == -1).all()  # Nothing of it is annotated.
    assert found[0].box.origin == (172, 22)


def checked_run(project: Path, **fields: Any) -> RunFolder:
    run = finished(project, validated=False, tuned_on="3 training tiles", **fields)
    rows = [
        {"image_id": "a-1", "origin": [0, 8 * n], "size": [8, 8], "ap_actis": score}
        for n, score in enumerate((0.25, 0.5, 0.75))
    ]
    kept = [{**row, "fold": fold} for fold, row in enumerate(rows, start=1)]
    foreground = Foreground(100, 110, 1000)
    found = CrossValidated(tuple(kept), foreground, 3, "precision x recall at IoU 0.5")
    conclude(run, found)
    return run


def test_report_shows_what_a_cross_validation_found(tmp_path: Path) -> None:
    text = read(checked_run(tmp_path, cross_validate=3)).text
    for words in (
        "Validated by cross-validation over 3 labelled tiles",
        "Cross-validation",
        "0.144",  # The standard error of 0.25, 0.5, 0.75.
        "0.750",
    ):
        assert words in text
    assert "Not validated" not in text


def test_report_says_that_a_cross_validation_came_to_nothing(tmp_path: Path) -> None:
    text = read(finished(tmp_path, cross_validate=3, accepted=True)).text
    assert "It has come to no result." in text
    plain = read(finished(tmp_path, accepted=True, validated=False)).text
    assert "come to no result" not in plain
    assert "Not validated" in plain
    assert "--cross-validate" in plain


def sizes(**fields: Any) -> SizeReport:
    usual: dict[str, Any] = {
        "classes": ("cytoplasm", EVIL),
        "labelled": ((0.2, 0.05), (0.3, 0.1)),
        "relative_error": (0.12, None),
        "gamma": (0.25, None),
        "used": (True, False),
        "sentence": "Sizes of cytoplasm are bounded.",
        "origin": "regressed",
        "images": {
            "a-1": (RegionSize(0.1, 0.2, 0.31), RegionSize(0.0, 1.0, 0.1)),
            "b-2": (RegionSize(0.1, 0.2, 0.15), RegionSize(0.0, 1.0, 0.1)),
        },
    }
    return SizeReport(**{**usual, **fields})


def test_report_shows_the_sizes_of_regions(tmp_path: Path) -> None:
    run = finished(tmp_path)
    without = read(run)
    assert "Sizes of regions" not in without.text
    write_sizes(run.sizes, sizes())
    seen = read(run)
    assert len(seen.links) == len(without.links) + 2  # A histogram a class.
    for words in (
        "Sizes of cytoplasm are bounded.",
        "estimate ± 25% of it",
        "12%",
        "1 of 2 unlabelled images outside their bounds",
        "31 %, expected 10 to 20 %",
    ):
        assert words in seen.text
    run.sizes.write_text("{")
    assert "Sizes of regions" not in read(run).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": {}}, "was not measured"),
        (
            {"images": {"b-2": (RegionSize(0.1, 0.2, 0.15),) * 2}, "labelled": ()},
            "within their bounds",
        ),
    ],
)
def test_report_says_whether_sizes_were_reached(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    run = finished(tmp_path)
    write_sizes(run.sizes, sizes(**changes))
    assert words in read(run).text
