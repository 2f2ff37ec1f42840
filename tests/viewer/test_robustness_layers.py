"""Layers deleted, renamed, moved, copied and hidden by the user while a run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rig import OPEN_TILE, OURS, TILE, WHOLE, WatchedRun, dab, refresh, saved

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.desk import Desk

pytestmark = pytest.mark.slow

SQUARE = Box((10, 60), (16, 16))
OTHER = Box((60, 10), (20, 20))
HIGHER = Box((30, 80), (12, 12))
PLANES = ("instances", "pseudo-labels", "confidence mask")


def watched(rig: Rig, qtbot: QtBot) -> tuple[Desk, WatchedRun]:
    """A desk that shows what a run that trains sees of the first image."""
    run = WatchedRun(rig.project)
    desk = rig.new_dock().desk
    qtbot.waitUntil(lambda: desk.training.view.state == "training")
    refresh(desk, run, qtbot, [SQUARE, OTHER])
    return desk, run


def seen(desk: Desk, box: Box) -> bool:
    """Whether the layer of objects shows one in the middle of a box."""
    y, x = (o + s // 2 for o, s in zip(box.origin, box.size, strict=True))
    return desk.teacher.object_at(desk.session.placement.to_world((y, x))) > 0


def texts(desk: Desk) -> str:
    dock: Any = desk.session.parent()
    return " ".join(dock.lines.texts)


# -- the image ------------------------------------------------------------------------


def test_an_image_deleted_while_a_run_trains_comes_back_with_all_that_was_painted(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    dab(desk.viewer.layers["instances"], 80, 90, 7)
    image = desk.images.layers[0]

    desk.viewer.layers.remove(image)

    assert desk.session.item is None
    assert "still in the project" in texts(desk)
    run.answer()  # Too late: nobody looks at it any more.
    rig.show(desk, item)
    refresh(desk, run, qtbot, [SQUARE])
    layer = desk.viewer.layers["instances"]
    assert layer.data[80, 90] > 0
    assert seen(desk, SQUARE)
    assert saved(desk, item).owners[80, 90] == Owner.HUMAN
    assert desk.training.view.state == "training"


def test_a_renamed_image_stays_the_image(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    image = desk.images.layers[0]
    image.name = "my favourite"

    refresh(desk, run, qtbot, [HIGHER])
    assert seen(desk, HIGHER)
    rig.show(desk, rig.items[1])

    assert desk.images.layers == (image,)
    assert image.name == rig.items[1].name


def test_an_image_whose_pixels_a_script_replaces_stays_the_image(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    desk.images.layers[0].data = np.zeros((40, 50), np.uint8)
    dab(desk.viewer.layers["instances"], 80, 90, 7)

    refresh(desk, run, qtbot, [HIGHER])

    assert seen(desk, HIGHER)
    assert saved(desk, desk.session.item).owners[80, 90] == Owner.HUMAN
    rig.show(desk, rig.items[1])
    assert desk.images.layers[0].data.shape == rig.items[1].shape


def test_an_image_replaced_by_a_layer_of_the_same_name_is_the_users(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, _ = watched(rig, qtbot)
    old = desk.images.layers[0]
    desk.viewer.layers.remove(old)
    new = desk.viewer.add_image(np.zeros((96, 112)), name=old.name)

    rig.show(desk, rig.items[0])

    assert new in desk.viewer.layers
    assert new not in desk.images.layers
    desk.session.close()
    assert list(desk.viewer.layers) == [new]


def test_an_image_layer_that_the_user_moves_takes_ours_along(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    desk.session.take(TILE)
    image = desk.images.layers[0]

    image.scale, image.translate = (0.5, 0.5), (3.0, 7.0)
    qtbot.waitUntil(lambda: desk.session.placement.scale == (0.5, 0.5))

    for name in (*PLANES, "annotation", "tiles"):
        layer = desk.viewer.layers[name]
        np.testing.assert_allclose(layer.scale, (0.5, 0.5), err_msg=name)
        np.testing.assert_allclose(layer.translate, (3.0, 7.0), err_msg=name)
    assert desk.session.tile == TILE
    refresh(desk, run, qtbot, [HIGHER])
    assert seen(desk, HIGHER)


# -- layers of the dock ---------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_a_deleted_layer_of_ours_takes_nothing_along(
    rig: Rig, qtbot: QtBot, name: str
) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    dab(desk.viewer.layers["annotation"], 20, 20, 1)
    dab(desk.viewer.layers["confidence mask"], 5, 105, 2)

    del desk.viewer.layers[name]
    refresh(desk, run, qtbot, [SQUARE, HIGHER])

    assert seen(desk, HIGHER)
    assert saved(desk, item).trust[5, 105] == 2
    assert desk.session.annotations.load(item, OPEN_TILE).instances[20, 20] == 1
    rig.show(desk, rig.items[1])
    rig.show(desk, item)
    desk.session.take(OPEN_TILE)
    assert desk.viewer.layers["annotation"].data[20, 20] == 1
    desk.teacher.show_layers()
    desk.tiles.start_drawing()
    assert {layer.name for layer in desk.viewer.layers} >= set(OURS)
    assert desk.viewer.layers["confidence mask"].data[5, 105] == 2


def test_all_layers_deleted_at_once(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    desk.teacher.show_confidence(True)
    desk.teacher.show_owners(True)
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    dab(desk.viewer.layers["annotation"], 20, 20, 1)
    dab(desk.viewer.layers["confidence mask"], 5, 105, 2)

    desk.viewer.layers.select_all()
    desk.viewer.layers.remove_selected()

    assert not desk.viewer.layers
    assert desk.autosave.flush()
    assert desk.session.annotations.load(item, OPEN_TILE).instances[20, 20] == 1
    rig.show(desk, item)
    assert saved(desk, item).trust[5, 105] == 2
    desk.teacher.show_layers()
    refresh(desk, run, qtbot, [HIGHER])
    assert seen(desk, HIGHER)


def test_renamed_layers_are_filled_and_painted_on(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    desk.tiles.add(desk.session.item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    layers = {name: desk.viewer.layers[name] for name in OURS}
    for name, layer in layers.items():
        layer.name = f"my {name}"

    refresh(desk, run, qtbot, [HIGHER])
    dab(layers["pseudo-labels"], 90, 5, 2)
    dab(layers["annotation"], 20, 20, 3)

    assert layers["instances"].data[36, 86] > 0
    assert saved(desk, desk.session.item).classes[90, 5] == 2
    found = desk.session.annotations.load(desk.session.item, OPEN_TILE)
    assert found.instances[20, 20] == 3
    rig.show(desk, rig.items[1])
    rig.show(desk, rig.items[0])
    assert {layer.name for layer in layers.values()} == {f"my {n}" for n in OURS}
    assert len(desk.viewer.layers) == len(OURS) + 1


def test_reordered_layers_stay_in_their_order(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    desk.tiles.add(desk.session.item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    desk.viewer.layers.reverse()
    desk.viewer.layers.move(0, 3)
    order = list(desk.viewer.layers)

    refresh(desk, run, qtbot, [HIGHER])
    dab(desk.viewer.layers["confidence mask"], 5, 105, 2)
    rig.show(desk, rig.items[1])
    rig.show(desk, rig.items[0])

    assert list(desk.viewer.layers) == order
    assert saved(desk, desk.session.item).trust[5, 105] == 2


@pytest.mark.parametrize("name", OURS)
def test_a_copy_of_a_layer_is_the_users_own(rig: Rig, qtbot: QtBot, name: str) -> None:
    from napari.layers._layer_actions import _duplicate_layer

    desk, run = watched(rig, qtbot)
    item = desk.session.item
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    original = desk.viewer.layers[name]
    desk.viewer.layers.selection = {original}
    _duplicate_layer(desk.viewer.layers)
    (copy,) = [
        layer
        for layer in desk.viewer.layers
        if layer.name.startswith(name) and layer is not original
    ]
    before = saved(desk, item)

    if name != "tiles":
        dab(copy, 20, 20, 2)
        frozen = np.array(copy.data)
    refresh(desk, run, qtbot, [HIGHER])

    after = saved(desk, item)
    for plane, same in zip(before.planes, after.planes, strict=True):
        np.testing.assert_array_equal(plane, same)
    assert not desk.session.annotations.load(item, OPEN_TILE).instances.any()
    if name != "tiles":
        np.testing.assert_array_equal(copy.data, frozen)
    copy.visible = True
    desk.reviewing.peeking.peek()
    assert copy.visible
    desk.reviewing.peeking.unpeek()
    desk.session.close()
    assert list(desk.viewer.layers) == [copy]


def test_hidden_layers_stay_hidden_and_are_up_to_date_when_shown(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    desk.tiles.add(desk.session.item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    for layer in desk.viewer.layers:
        layer.visible = False
    active = desk.viewer.layers.selection.active

    refresh(desk, run, qtbot, [HIGHER])
    rig.show(desk, rig.items[1])
    rig.show(desk, rig.items[0])
    refresh(desk, run, qtbot, [HIGHER])

    assert not any(layer.visible for layer in desk.viewer.layers)
    assert desk.viewer.layers.selection.active is active
    instances = desk.viewer.layers["instances"]
    instances.visible = True
    assert instances.data[36, 86] > 0
    assert WHOLE.size == instances.data.shape


def test_pixels_of_another_size_are_no_corrections(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    layer = desk.viewer.layers["instances"]
    layer.data = np.zeros((5, 5), np.int32)
    dab(layer, 2, 2, 9)

    refresh(desk, run, qtbot, [HIGHER])
    rig.show(desk, rig.items[1])
    rig.show(desk, rig.items[0])
    refresh(desk, run, qtbot, [HIGHER])

    assert not saved(desk, desk.session.item).claimed.any()
    assert desk.viewer.layers["instances"].data.shape == WHOLE.size
    assert seen(desk, HIGHER)
