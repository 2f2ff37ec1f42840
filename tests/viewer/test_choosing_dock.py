"""The slider of the dock, moved by keys, and what is seen of it in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hands import Hands
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from rig import WHOLE, WatchedRun

from napari_semiseg.learning.filters import make_filter
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig


@pytest.mark.slow
def test_the_layer_shows_what_the_loss_would_use(rig: Rig, qtbot: QtBot) -> None:
    settings = make_settings("actis").model_dump(mode="json")
    run = WatchedRun(rig.project, settings=settings)
    dock = rig.new_dock(show=True)
    desk, hands = dock.desk, Hands(dock)
    qtbot.waitUntil(lambda: desk.training.view.state == "training")

    def seen() -> bool:
        run.answer()
        return desk.teacher.known_in(WHOLE) and not desk.teacher.busy

    qtbot.waitUntil(seen, timeout=20_000)
    dock.open_step("Review")
    panel = dock.panel("Review")
    panel.pixels.set_open(True)  # type: ignore[attr-defined]
    slider = panel.pixels.slider.slider  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: slider.isVisible() and slider.value() == 0.2)
    mask = desk.viewer.layers["confidence mask"]
    mask.visible = False

    for _ in range(30):
        QTest.keyClick(slider, Qt.Key.Key_Right)
    tried = slider.value()
    assert tried > 0.3
    qtbot.waitUntil(lambda: not desk.teacher.busy)

    shown = run.preview(desk.session.opened.source(desk.session.item), WHOLE)
    pseudo = PseudoLabels.of(torch.from_numpy(shown.probability)[None])
    stage = make_settings("actis", "default", {"consistency": {"quantile": tried}})
    engine = make_filter(stage.consistency, 3)  # type: ignore[attr-defined]
    engine.update(pseudo, torch.ones_like(pseudo.label, dtype=torch.bool))
    used = engine.select(pseudo.label, pseudo.confidence)[0].numpy()
    assert np.array_equal(mask.data == Trust.TRUSTED, used)
    assert mask.visible
    kept = desk.reviewing.choosing.kept()
    assert kept is not None
    assert abs(kept.all - used.mean()) < 0.01

    hands.press("Review", "Use in next training")
    train = dock.panel("Train")
    planned = train.setup.settings  # type: ignore[attr-defined]
    assert planned.consistency.quantile == round(tried, 2)
    hands.press("Review", "As trained")
    qtbot.waitUntil(lambda: not desk.teacher.busy)
    assert np.array_equal(mask.data == Trust.TRUSTED, shown.selected)
