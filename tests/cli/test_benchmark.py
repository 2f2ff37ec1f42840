"""What the command makes of its options; the work itself is tested in tests/api."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.api.benchmarking.summary import Summary
from napari_semiseg.learning import methods
from napari_semiseg.learning.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> Any:
    """Runs the command and returns what it would have done."""
    plans: list[BenchmarkPlan] = []

    def instead(plan: BenchmarkPlan, **others: Any) -> Summary:
        plan.check()
        plans.append(plan)
        return Summary((), plan.classes, 0, len(plan.cells), {})

    monkeypatch.setattr("napari_semiseg.api.benchmarking.benchmark.benchmark", instead)

    def run(*arguments: object) -> BenchmarkPlan:
        done = cli("benchmark", "images", "masks", "-o", "report", *arguments)
        assert done.code == 0, done
        assert "report.md" in done.out
        return plans[-1]

    return run


def test_by_itself_all_methods_are_compared(planned: Any) -> None:
    plan = planned()

    assert plan.arms[0].name == "supervised"
    assert {arm.method for arm in plan.arms} == set(METHODS)
    assert (plan.seeds, plan.labelled, str(plan.validation)) == (5, ("10",), "15%")


def test_a_new_method_is_an_arm_by_its_registry_entry(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(methods.METHODS, "toy", METHODS["supervised"])

    assert "toy" in [arm.name for arm in planned().arms]


def test_options_become_a_plan(planned: Any, tmp_path: Path) -> None:
    plan = planned(
        *("--methods", "actis", "--arm", "x=actis,consistency.quantile=0.1"),
        *("--labelled", "20,5,all", "--tile", 96, "--validation", 2, "--seeds", 3),
        *("--steps", 40, "--encoder", "resnet18", "--weights", "none"),
        *("--class-values", "0:background,255:membrane", "--test", "30%"),
    )

    assert [arm.name for arm in plan.arms] == ["actis", "x"]
    assert plan.labelled == ("5", "20", "all")
    assert plan.classes == ("membrane",)
    settings = plan.settings(plan.arms[1], 2, 20)
    assert (settings.seed, settings.tile_size, settings.steps) == (2, 96, 40)
    assert settings.network.encoder == "resnet18"
    assert settings.model_dump()["consistency"]["quantile"] == 0.1
    assert len(plan.cells) == 2 * 3 * 3


def test_single_arms_are_compared_with_the_reference(planned: Any) -> None:
    assert [arm.name for arm in planned("--arm", "x=actis").arms] == ["supervised", "x"]


def test_arms_of_a_file(planned: Any, tmp_path: Path) -> None:
    path = tmp_path / "arms.toml"
    path.write_text(
        '[a.arms.full]\nmethod="actis"\n[b.arms.base]\nmethod="supervised"\n'
    )

    every = planned("--arms", path)
    some = planned("--arms", path, "--suite", "b", "--methods", "actis")

    assert [arm.name for arm in every.arms] == ["full", "base"]
    assert [arm.name for arm in some.arms] == ["actis", "base"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--methods", "nothing"), "The arm nothing wants the method nothing"),
        (("--arm", "x=actis,steps"), "key=value"),
        (("--labelled", "0"), "number of labelled tiles"),
        (("--validation", "much"), "no amount"),
        (("--class-values", "1:cell"), "background"),
        (("--steps", "5", "--minutes", "1"), "either steps or minutes"),
        (("--test-images", "x"), "together"),
        (("--arms", "nowhere.toml"), "cannot be read"),
        ((), "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert words in refused("benchmark", "images", "masks", "-o", "report", *arguments)
