"""Equal steps whatever the stages and networks of a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_semiseg.api.benchmarking import effort
from napari_semiseg.learning import methods
from napari_semiseg.learning.methods import METHODS, Method, make_settings
from napari_semiseg.learning.settings import SupervisedSettings
from napari_semiseg.learning.stage import PlannedStage

if TYPE_CHECKING:
    from napari_semiseg.learning.settings import Settings


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_steps", [40, 601])
def test_all_methods_make_as_many_gradient_steps(method: str, n_steps: int) -> None:
    settings = effort.for_steps(make_settings(method), n_steps, 20)

    assert effort.gradient_steps(settings, 20) == pytest.approx(n_steps, abs=3)


def test_two_networks_make_half_as_many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(settings: Settings, unlabelled: int, restarted: bool) -> list[object]:
        first = settings.steps // 5
        make = pytest.fail
        return [
            PlannedStage("alone", first, make),
            PlannedStage("together", settings.steps - first, make, n_networks=2),
        ]

    monkeypatch.setitem(methods.METHODS, "supervised", Method(SupervisedSettings, plan))

    settings = effort.for_steps(make_settings("supervised"), 900, 20)

    assert settings.steps == 500
    assert effort.gradient_steps(settings, 20) == 900
