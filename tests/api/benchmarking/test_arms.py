"""What people write for arms, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_semiseg.api.benchmarking.amounts import Amount, parse_labelled
from napari_semiseg.api.benchmarking.arms import (
    Arm,
    arms_of_methods,
    check_arms,
    parse_arm,
    parse_changes,
    read_arms,
    reference_of,
    usual_methods,
)
from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import METHODS

if TYPE_CHECKING:
    from pathlib import Path


def test_an_arm_changes_nested_settings() -> None:
    arm = parse_arm(
        "no filter=actis,preset=paper,consistency.filtering=false,"
        "consistency.class_weights=[1,1,2],network.encoder=resnet18"
    )

    settings = arm.settings({"network": {"encoder": "mobilenet_v2", "weights": "none"}})

    assert (arm.name, arm.stem, settings.preset) == ("no filter", "no-filter", "paper")
    values = settings.model_dump()
    assert values["consistency"]["filtering"] is False
    assert values["consistency"]["class_weights"] == (1.0, 1.0, 2.0)
    assert values["network"]["encoder"] == "resnet18"
    assert values["network"]["weights"] == "none"


@pytest.mark.parametrize("text", ["actis", "=actis", "a=", "a=actis,filter"])
def test_what_is_no_arm_is_refused(text: str) -> None:
    with pytest.raises(SemisegError, match="key=value"):
        parse_arm(text)


def test_an_unknown_method_is_named_with_its_arm() -> None:
    with pytest.raises(SemisegError, match=r"arm x wants the method nothing.*actis"):
        parse_arm("x=nothing").settings({})


def test_a_refused_value_is_named_with_its_arm() -> None:
    with pytest.raises(SemisegError, match=r"arm x: .*supervised_fraction"):
        parse_arm("x=actis,supervised_fraction=2").settings({})


def test_a_file_lists_arms_by_suite(tmp_path: Path) -> None:
    path = tmp_path / "arms.toml"
    path.write_text(
        '[one.arms.full]\nmethod = "actis"\n'
        '[one.arms."no filter"]\nmethod = "actis"\nagainst = "full"\n'
        "settings = { consistency = { filtering = false } }\n"
        '[two.arms.base]\nmethod = "supervised"\npreset = "paper"\n'
        '[two.arms.full]\nmethod = "actis"\n'
    )

    assert [arm.name for arm in read_arms(path)] == ["full", "no filter", "base"]
    arm, _ = read_arms(path, ["two"])
    assert arm == Arm("base", "supervised", "paper")
    _, other = read_arms(path, ["one"])
    assert (other.changes, other.against) == (
        {"consistency": {"filtering": False}},
        "full",
    )
    with pytest.raises(SemisegError, match="choose among one, two"):
        read_arms(path, ["three"])


@pytest.mark.parametrize(
    "values", ['preset = "paper"', 'method = "actis"\nstep = 3', "method = 4"]
)
def test_a_file_with_a_wrong_arm_is_refused(tmp_path: Path, values: str) -> None:
    path = tmp_path / "arms.toml"
    path.write_text(f"[one.arms.bad]\n{values}\n")

    with pytest.raises(SemisegError, match="The arm bad"):
        read_arms(path)


def test_arms_are_compared_with_the_supervised_one() -> None:
    first, base, own = (
        Arm("a", "actis"),
        Arm("b", "supervised"),
        Arm("c", "actis", against="a"),
    )
    arms = [first, base, own]

    assert [reference_of(arm, arms) for arm in arms] == [base, None, first]
    assert reference_of(own, [first, own]) == first
    assert reference_of(first, [first]) is None


@pytest.mark.parametrize(
    "arms",
    [
        [Arm("a b", "actis"), Arm("a-b", "actis")],
        [Arm("a", "actis"), Arm("a", "supervised")],
        [Arm("a", "actis", against="z")],
    ],
)
def test_arms_that_cannot_be_told_apart_are_refused(arms: list[Arm]) -> None:
    with pytest.raises(SemisegError):
        check_arms(arms)


def test_every_method_is_an_arm_by_itself() -> None:
    names = [arm.name for arm in arms_of_methods(usual_methods())]

    assert names[0] == "supervised"
    assert sorted(names) == sorted(METHODS)


def test_numbers_of_tiles_rise_and_end_with_all() -> None:
    assert parse_labelled("20, all,5,5") == ("5", "20", "all")
    for wrong in ("0", "five", "", "5,-1"):
        with pytest.raises(SemisegError):
            parse_labelled(wrong)


def test_amounts_leave_one() -> None:
    assert [Amount.parse("15%").of(n) for n in (1, 3, 5, 10, 20)] == [0, 0, 1, 2, 3]
    assert [Amount.parse("3").of(n) for n in (1, 3, 5)] == [0, 2, 3]
    for wrong in ("100%", "-1", "many", "1.5"):
        with pytest.raises(SemisegError):
            Amount.parse(wrong)


def test_changes_common_to_all_arms_are_nested() -> None:
    changes = parse_changes(["tile_size=64", "network.encoder=resnet18"])

    assert changes == {"tile_size": 64, "network": {"encoder": "resnet18"}}


def test_a_common_change_without_a_value_is_refused() -> None:
    with pytest.raises(SemisegError, match="not key=value"):
        parse_changes(["tile_size"])
