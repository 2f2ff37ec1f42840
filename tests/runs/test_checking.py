from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from projects import make_project

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json, write_json
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)
from napari_semiseg.runs.checking.check import (
    check_of,
    conclude,
    create_check,
    settle,
    wants_check,
)
from napari_semiseg.runs.checking.folds import make_folds, n_folds, why_no_folds
from napari_semiseg.runs.checking.result import (
    CrossValidated,
    compare_checked,
    decide_checked,
    read_result,
    result_file,
)
from napari_semiseg.runs.collapse import Foreground
from napari_semiseg.runs.control import send
from napari_semiseg.runs.folder import RunFolder, find_run, list_runs
from napari_semiseg.runs.launch import train
from napari_semiseg.runs.measured import Measured, measured
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.rounds import rounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = Foreground(100, 110, 1000)
NOTHING = Foreground(1, 110, 1000)


def tile(image: str, origin: tuple[int, int] = (0, 0), **fields: Any) -> LabelledTile:
    return LabelledTile(
        np.zeros((1, 32, 32), np.float32),
        np.zeros((32, 32), np.int32),
        np.ones((32, 32), bool),
        image_id=image,
        origin=origin,
        **fields,
    )


def known(*tiles: LabelledTile, images: tuple[str, ...] = ()) -> TrainingSet:
    source = ArraySource(np.zeros((1, 128, 128), np.float32))
    return TrainingSet(tiles, tuple(UnlabelledImage(source, name) for name in images))


def places(tiles: tuple[LabelledTile, ...]) -> set[tuple[str, tuple[int, ...]]]:
    return {(one.image_id, one.origin) for one in tiles}


SETTINGS = make_settings("supervised", "default", {"steps": 90, "seed": 4})


def test_each_tile_is_held_out_once_and_never_learned_from_then() -> None:
    tiles = [tile("a", (0, 32 * n)) for n in range(4)]
    folds = make_folds(known(*tiles), SETTINGS, 3)
    assert [(one.number, one.total) for one in folds] == [(1, 3), (2, 3), (3, 3)]
    held = [place for fold in folds for place in places(fold.held_out)]
    assert sorted(held) == sorted(places(tuple(tiles)))
    for fold in folds:
        assert not places(fold.held_out) & places(fold.training_set.labelled)
        assert len(fold.held_out) + len(fold.training_set.labelled) == 4
        share = len(fold.training_set.labelled) / 4
        assert fold.settings.steps == round(90 * share)
        assert fold.settings.seed == 4


def test_folds_are_the_same_whenever_the_seed_is() -> None:
    whole = known(*[tile("a", (0, 32 * n)) for n in range(6)])

    def dealt(seed: int) -> list[set[tuple[str, tuple[int, ...]]]]:
        settings = SETTINGS.model_copy(update={"seed": seed})
        return [places(fold.held_out) for fold in make_folds(whole, settings, 3)]

    assert dealt(1) == dealt(1)
    assert len({str(sorted(map(sorted, dealt(seed)))) for seed in range(8)}) > 1


def test_tiles_of_one_image_stay_together_where_there_are_several_images() -> None:
    tiles = [tile(name, (0, 32 * n)) for name in "abcd" for n in range(2)]
    folds = make_folds(known(*tiles), SETTINGS, 3)
    assert len(folds) == 3
    for fold in folds:
        held = {one.image_id for one in fold.held_out}
        assert not held & {one.image_id for one in fold.training_set.labelled}
    two = known(*[tile("a", (0, 32 * n)) for n in range(5)], tile("b"))
    assert n_folds(two, 3) == len(make_folds(two, SETTINGS, 3)) == 2


def test_pixels_of_tiles_held_out_are_no_unlabelled_ones_either() -> None:
    whole = known(tile("a"), tile("b", (64, 64)), images=("a", "b"))
    for fold in make_folds(whole, SETTINGS, 3):
        (held,) = fold.held_out
        for image in fold.training_set.unlabelled:
            inside = [box for box in image.excluded if box.contains(held.box)]
            assert bool(inside) is (image.image_id == held.image_id)


def test_a_tile_that_overlaps_one_held_out_is_not_learned_from() -> None:
    whole = known(tile("a"), tile("a", (0, 16)), tile("a", (64, 64)))
    for fold in make_folds(whole, SETTINGS, 3):
        for held in fold.held_out:
            for learned in fold.training_set.labelled:
                assert not held.box.overlaps(learned.box)


def test_what_cannot_be_judged_always_trains() -> None:
    told = replace(tile("c"), annotated=np.zeros((32, 32), bool))
    for fold in make_folds(known(tile("a"), tile("b"), told), SETTINGS, 3):
        assert "c" not in {one.image_id for one in fold.held_out}
        assert "c" in {one.image_id for one in fold.training_set.labelled}


def test_why_there_is_no_cross_validation() -> None:
    assert why_no_folds(known(tile("a"), tile("b"))) is None
    assert "two labelled tiles" in str(why_no_folds(known(tile("a"))))
    judged = known(tile("a"), tile("b"), tile("c", role="validation"))
    assert "validation tiles" in str(why_no_folds(judged))


def checked(
    *scores: float, foreground: Foreground = GOOD, first: int = 0
) -> CrossValidated:
    rows = [
        {"image_id": str(n), "origin": [0, 0], "size": [8, 8], "ap_actis": score}
        for n, score in enumerate(scores, start=first)
    ]
    return CrossValidated(tuple(rows), foreground, 3, "precision x recall at IoU 0.5")


def test_folds_are_pooled() -> None:
    folds = [
        {
            "tiles": [{"ap_actis": score}],
            "foreground": [1, 2, 10],
            "score_words": "s",
        }
        for score in (0.2, 0.4, 0.9)
    ]
    found = CrossValidated.of_folds(folds)
    assert found.score == pytest.approx(0.5)
    # Of a mean the jackknife is the standard error: s / sqrt(n).
    assert found.noise == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1) / 3**0.5)
    assert found.foreground == Foreground(3, 6, 30)
    assert found.words == "by cross-validation over 3 labelled tiles"


@pytest.mark.parametrize(
    ("new", "old", "accepted", "words"),
    [
        (checked(0.5, 0.6), None, True, "not cross-validated"),
        (checked(0.5, 0.6), checked(0.4, 0.7, first=7), True, "cannot|nothing can"),
        (checked(0.8, 0.7, 0.9), checked(0.5, 0.4, 0.65), True, "better than"),
        (checked(0.5, 0.4, 0.65), checked(0.8, 0.7, 0.9), False, "worse than"),
        (checked(0.2, 0.9, 0.5), checked(0.9, 0.3, 0.5), True, "better|as good"),
        (checked(0.9, 0.9, foreground=NOTHING), checked(0.1, 0.1), False, "collapsed"),
    ],
)
def test_guard_compares_on_the_tiles_that_both_have(
    new: CrossValidated, old: CrossValidated | None, accepted: bool, words: str
) -> None:
    verdict = decide_checked(new, old, in_use=True)
    assert verdict.accepted is accepted
    assert any(word in verdict.sentence for word in words.split("|"))
    assert ("stays" in verdict.sentence) is not accepted


def test_tiles_that_only_one_has_do_not_count() -> None:
    new, old = checked(0.9, 0.5, 0.6), checked(0.5, 0.6, 0.1, first=1)
    found = compare_checked(new, old)
    assert found is not None
    assert (found.n_tiles, found.new, found.old) == (2, 0.55, 0.55)
    assert (
        "the 2 labelled tiles that both have"
        in decide_checked(new, old, in_use=True).sentence
    )


def ended(project: Path, accepted: bool | None, **fields: Any) -> RunFolder:
    run = RunFolder.create(project, "actis", **fields)
    write_json(run.model / "model.json", {})
    write_json(run.report / "scores.json", {"accepted": accepted, "mean": {}})
    run.update(state="finished", accepted=accepted, ended=run.record().created)
    return run


def test_model_waits_for_its_check_and_then_replaces_or_not(tmp_path: Path) -> None:
    first = ended(tmp_path, True, cross_validate=3)
    assert wants_check(first)
    write_json(first.inputs / "inputs.json", {"a": 1})
    check = create_check(first)
    assert check.id.endswith("actis-check")
    assert read_json(check.inputs / "inputs.json") == {"a": 1}
    assert not wants_check(first)
    assert check_of(first) == check
    record = conclude(first, checked(0.5, 0.7), check=check.id)
    assert record.accepted
    assert record.cross_validated is not None
    assert record.cross_validated["run"] == check.id
    assert record.cross_validated["score"] == pytest.approx(0.6)
    assert read_result(first) is not None

    second = ended(tmp_path, None, cross_validate=3)
    assert model_in_use(tmp_path) == first
    refused = conclude(second, checked(0.1, 0.2))
    assert refused.accepted is False
    assert "0.150 against 0.600" in str(refused.verdict)
    assert refused.compared is not None
    assert refused.compared["difference"] == pytest.approx(-0.45)
    assert model_in_use(tmp_path) == first
    assert read_json(second.report / "scores.json")["verdict"] == refused.verdict

    third = ended(tmp_path, None, cross_validate=3)
    assert conclude(third, checked(0.8, 0.9)).accepted
    assert model_in_use(tmp_path) == third


def test_a_first_model_is_taken_back_only_if_it_collapsed(tmp_path: Path) -> None:
    first = ended(tmp_path, True, cross_validate=2)
    assert conclude(first, checked(0.0, 0.0)).accepted
    taken_back = conclude(first, checked(0.0, 0.0, foreground=NOTHING))
    assert taken_back.accepted is False
    assert model_in_use(tmp_path) is None


def test_without_a_result_a_run_stands_as_if_nobody_had_asked(tmp_path: Path) -> None:
    ended(tmp_path, True)
    run = ended(tmp_path, None, cross_validate=3)
    record = conclude(run, None, "Its cross-validation was stopped.")
    assert record.accepted
    assert record.cross_validated is None
    assert str(record.verdict).startswith("Its cross-validation was stopped. Not vali")
    assert read_result(run) is None


def test_damaged_result_is_none(tmp_path: Path) -> None:
    run = ended(tmp_path, True)
    conclude(run, checked(0.5, 0.7))
    result_file(run).write_text('{"tiles": []}')
    assert read_result(run) is None
    result_file(run).write_text("{")
    assert read_result(run) is None


def test_next_run_does_not_wait_for_a_check_that_was_broken_off(
    tmp_path: Path,
) -> None:
    before = ended(tmp_path, True)
    run = ended(tmp_path, None, cross_validate=3)
    check = create_check(run)
    check.update(state="paused")  # By nobody: its process is gone, or elsewhere.
    assert model_in_use(tmp_path) == before
    settle(tmp_path)
    assert model_in_use(tmp_path) == run
    assert "broken off" in str(run.record().verdict)


def test_score_of_a_checked_run_is_that_of_its_cross_validation(
    tmp_path: Path,
) -> None:
    run = ended(tmp_path, True, scores={"training.ap_actis": 0.99}, validated=False)
    run.update(tuned_on="2 training tiles")
    assert measured(run.record()) == Measured(0.99, "2 training tiles", False)
    conclude(run, checked(0.5, 0.7))
    on = "2 labelled tiles, by cross-validation"
    assert measured(run.record()) == Measured(pytest.approx(0.6), on, True)
    (one,) = rounds(tmp_path)
    assert one.words.endswith(f"score 0.600 on {on}.")


# -- with networks --------------------------------------------------------------------

TINY: dict[str, Any] = {
    "tile_size": 32,
    "steps": 4,
    "seed": 3,
    "network": {"encoder": "resnet18", "weights": "none"},
    "supervised": {"batch": 2},
}
CORNERS = [Box((0, 0), (32, 32)), Box((0, 48), (32, 32)), Box((48, 0), (32, 32))]


def small_project(folder: Path, n_tiles: int = 2) -> Any:
    tiles = {0: [(box, "training") for box in CORNERS[:n_tiles]]}
    return make_project(folder / "project", tiles, n_images=2)  # type: ignore[arg-type]


def run_tiny(
    project: Any, on_event: Callable[[dict[str, Any]], None], **options: Any
) -> Any:
    settings = make_settings("supervised", "default", TINY)
    usual = {"device": "cpu", "threads": 1, "cross_validate": 3}
    return train(project.folder, settings, on_event=on_event, **{**usual, **options})


@pytest.mark.slow
def test_real_run_is_checked(tmp_path: Path) -> None:
    project = small_project(tmp_path, 3)
    events: list[dict[str, Any]] = []
    record = run_tiny(project, events.append)
    assert (record.state, record.cross_validate) == ("finished", 3)
    found = record.cross_validated
    assert found is not None
    assert (found["n_tiles"], found["n_folds"]) == (3, 3)
    assert found["words"] in str(record.verdict)
    run = find_run(project.folder, record.id)
    check = find_run(project.folder, found["run"])
    theirs = check.record()
    assert (theirs.state, theirs.check_of) == ("finished", run.id)
    assert theirs.verdict == record.verdict
    assert theirs.total_steps == 9  # Three times two thirds of four, rounded.
    assert not check.has_model
    assert [event["run"] for event in events if event["event"] == "check"] == [check.id]
    stages = {event["stage"] for event in events if event["event"] == "step"}
    assert {"supervised", "fold 1, supervised", "fold 3, supervised"} <= stages
    kept = read_json(result_file(run))
    assert sorted(row["fold"] for row in kept["tiles"]) == [1, 2, 3]
    assert (run.report / "report.html").is_file()


@pytest.mark.slow
def test_check_that_is_stopped_keeps_the_model(tmp_path: Path) -> None:
    project = small_project(tmp_path)
    checks: list[str] = []

    def stop_the_check(event: dict[str, Any]) -> None:
        if event["event"] == "check":
            checks.append(event["run"])
        elif event["event"] == "step" and checks and event["step"] == 2:
            send(find_run(project.folder, checks[0]).control, "stop")

    record = run_tiny(project, stop_the_check)
    assert record.state == "finished"
    assert record.cross_validated is None
    assert "was stopped" in str(record.verdict)
    assert find_run(project.folder, checks[0]).record().state == "stopped"


@pytest.mark.slow
def test_check_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = small_project(tmp_path)
    record = run_tiny(whole, lambda event: None)
    expected = read_json(result_file(find_run(whole.folder, record.id)))

    (tmp_path / "again").mkdir()
    project = small_project(tmp_path / "again")
    checks: list[str] = []

    class KilledError(BaseException):
        """As a signal would, it leaves no time to write anything down."""

    def kill_the_check(event: dict[str, Any]) -> None:
        if event["event"] == "check":
            checks.append(event["run"])
        elif event["event"] == "paused":
            raise KilledError
        elif event["event"] == "step" and checks and event["step"] == 3:
            send(find_run(project.folder, checks[0]).control, "pause")

    with pytest.raises(KilledError):
        run_tiny(project, kill_the_check)
    first = next(run for run in list_runs(project.folder) if run.has_model)
    assert first.record().cross_validated is None
    check = find_run(project.folder, checks[0])
    again = train(project.folder, run=check)
    assert again.state == "finished"
    found = read_json(result_file(first))
    assert found["tiles"] == expected["tiles"]
    assert first.record().cross_validated is not None


@pytest.mark.slow
def test_nothing_is_checked_where_that_is_not_possible(tmp_path: Path) -> None:
    project = small_project(tmp_path, 1)
    record = run_tiny(project, lambda event: None)
    assert record.cross_validate is None
    assert any("two labelled tiles" in message for message in record.messages)
    assert len(list_runs(project.folder)) == 1


@pytest.mark.slow
def test_minutes_are_for_the_run_and_its_check_together(tmp_path: Path) -> None:
    project = small_project(tmp_path, 3)
    record = run_tiny(project, lambda event: None, minutes=0.06)
    assert record.minutes == pytest.approx(0.02)
    assert any("more for cross-validation" in words for words in record.messages)


def test_check_of_nothing_is_a_sentence(tmp_path: Path) -> None:
    project = small_project(tmp_path)
    orphan = RunFolder.create(project.folder, "actis", check_of="gone")
    with pytest.raises(SemisegError, match="run"):
        train(project.folder, run=orphan)
