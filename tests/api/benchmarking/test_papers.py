"""The list of the papers' arms: settings that the methods really have."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_semiseg.api.benchmarking.arms import Arm, check_arms, read_arms
from napari_semiseg.learning.methods import METHODS

PAPERS = Path(__file__).parents[3] / "benchmarks" / "papers.toml"
needs_papers = pytest.mark.skipif(
    not PAPERS.is_file(), reason="the list is not in a source distribution"
)
SUITES = {
    "actis": 7,
    "wbc": 6,
    "curriculum": 4,
    "noise": 4,
    "shift": 4,
    "rotation": 4,
    "co-training": 7,
    "improvements": 7,
}


@needs_papers
@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_whole_and_its_settings_exist(suite: str) -> None:
    arms = read_arms(PAPERS, [suite])

    assert len(arms) == SUITES[suite]
    check_arms(arms)
    made = {_dump(arm) for arm in arms if arm.method in METHODS}
    # No two arms are the same under different names.
    assert len(made) == sum(arm.method in METHODS for arm in arms)


def _dump(arm: Arm) -> str:
    return arm.settings({"network": {"weights": "auto"}}).model_dump_json()


@needs_papers
def test_every_suite_is_tested() -> None:
    names = {arm.name for suite in SUITES for arm in read_arms(PAPERS, [suite])}

    assert {arm.name for arm in read_arms(PAPERS)} == names
