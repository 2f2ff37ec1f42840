"""Tools that correct objects, by real clicks and drags, in a tile and in the image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bench import SHAPE, close_bench, make_bench, make_project
from hands import Hands
from teacher_scenes import answer
from test_teacher_layers import give

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.canvas import canvas_size, look_at
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.teacher.teacher_layers import TeacherLayers
from napari_semiseg.viewer.tools.tool_grid import ToolGrid
from napari_semiseg.viewer.tools.tool_words import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.viewer.desk import Desk

TILE = Box((10, 10), (64, 64))
WHOLE = Box((0, 0), SHAPE)
# In the image, beside the tile in hand: (y, x, radius).
DISCS = ((40, 120, 15), (40, 160, 15), (120, 60, 20), (150, 150, 12))


@pytest.fixture
def desk(viewer: Any, tmp_path: Path, qtbot: QtBot) -> Iterator[Desk]:
    """Tiles, annotation, tools and the teacher's layers; a tile is in hand."""
    made = make_bench(viewer, TeacherLayers)
    made.session.open(make_project(tmp_path))
    made.images.show(made.session.opened.images[0])
    qtbot.waitUntil(lambda: made.teacher.ready)
    made.tiles.add(made.session.item, [TILE])
    made.session.take(TILE)
    look_at(viewer, made.session.placement, WHOLE, 0.95)
    viewer.mouse_over_canvas = True
    see(made, qtbot)
    qtbot.waitUntil(lambda: not made.background.busy)
    yield made
    close_bench(made)
    made.teacher.close()
    viewer.mouse_over_canvas = False


@pytest.fixture
def hands(desk: Desk) -> Hands:
    return Hands(SimpleNamespace(desk=desk))


@pytest.fixture
def said(desk: Desk) -> list[str]:
    lines: list[str] = []
    desk.session.said.connect(lambda text, problem: lines.append(text))
    return lines


def see(desk: Desk, qtbot: QtBot, discs: Any = DISCS) -> None:
    """Let the teacher answer, and wait until that is shown."""
    give(desk, answer(WHOLE, discs, SHAPE))
    qtbot.waitUntil(lambda: not desk.teacher.busy)


def tile(desk: Desk) -> np.ndarray:
    return desk.annotating.annotation.labels


def image(desk: Desk) -> np.ndarray:
    return desk.viewer.layers["instances"].data


def at(desk: Desk, y: int, x: int) -> int:
    return int(image(desk)[y, x])


def paint_square(desk: Desk, number: int, y: int, x: int, side: int = 12) -> None:
    """Paint in the tile; its pixels, not the image's."""
    labels = tile(desk).copy()
    labels[y : y + side, x : x + side] = number
    desk.annotating.annotation.replace(labels)


def slowly(hands: Hands, qtbot: QtBot, pixels: list[tuple[float, float]]) -> None:
    """A stroke of which the canvas is told every place: of quick ones it drops some."""
    points = [hands.on_canvas(pixel) for pixel in pixels]
    hands.send(hands.MOVE, points[0], pressed=False)
    hands.send(hands.PRESS, points[0], pressed=True)
    for point, pixel in zip(points[1:], pixels[1:], strict=True):
        goal = np.array(hands.desk.session.placement.to_world(pixel))

        def arrived(point: Any = point, goal: Any = goal) -> bool:
            hands.send(hands.MOVE, point, pressed=True)
            return bool(np.allclose(hands.viewer.cursor.position, goal, atol=0.3))

        qtbot.waitUntil(arrived)
    hands.send(hands.RELEASE, points[-1], pressed=False)


def saved(desk: Desk) -> Any:
    assert desk.autosave.flush()
    return desk.session.corrections.read(desk.session.item, WHOLE)


def undo(desk: Desk) -> None:
    """What Ctrl+Z does, whichever layer is selected."""
    desk.viewer.layers.selection.active.undo()


# -- in the tile in hand --------------------------------------------------------------


def test_a_line_cuts_an_object_of_the_tile(desk: Desk, hands: Hands) -> None:
    paint_square(desk, 3, 20, 20)
    centre = tuple(desk.viewer.scene.camera.center)
    layer = desk.viewer.layers["annotation"]
    before = tile(desk).copy()

    hands.key("Shift+S")
    assert str(layer.mode) == "pan_zoom"
    hands.stroke([(25, 40), (35, 39), (45, 38)])

    labels = tile(desk)
    assert np.array_equal(labels > 0, before > 0)
    assert sorted(np.unique(labels).tolist()) == [0, 3, 4]
    assert tuple(desk.viewer.scene.camera.center) == centre  # It did not pan.
    assert desk.tools.done == "Cut 1 object."
    # The other side of the same object, in the same breath: it stays in hand.
    hands.stroke([(36, 25), (36, 50)])
    assert len(np.unique(tile(desk))) == 5

    hands.key("Escape")
    assert desk.tools.active is None
    assert str(layer.mode) == "paint"
    undo(desk)
    undo(desk)
    assert np.array_equal(tile(desk), before)


def test_a_line_is_seen_while_it_is_dragged(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    desk.tools.take("split")
    start, end = hands.on_canvas((25, 40)), hands.on_canvas((60, 40))
    hands.send(hands.MOVE, start, pressed=False)
    hands.send(hands.PRESS, start, pressed=True)

    def drawn() -> bool:
        hands.send(hands.MOVE, end, pressed=True)
        rubber = desk.tools._gestures._rubber
        return rubber is not None and not rubber.isHidden()

    qtbot.waitUntil(drawn)
    hands.send(hands.RELEASE, end, pressed=False)
    assert desk.tools._gestures._rubber.isHidden()


def test_a_click_takes_an_object_in_pieces_apart(
    desk: Desk, hands: Hands, said: list[str]
) -> None:
    paint_square(desk, 2, 5, 5)
    paint_square(desk, 2, 40, 40, 6)
    hands.key("Shift+S")

    hands.click((20, 20))

    assert tile(desk)[8, 8] == 2  # The larger piece.
    assert tile(desk)[42, 42] == 3
    hands.click((20, 20))
    assert "in one piece" in desk.tools.hint
    hands.stroke([(70, 70), (60, 72)])
    assert "crosses no object" in desk.tools.hint
    assert not said


def test_two_clicks_or_a_drag_merge(desk: Desk, hands: Hands) -> None:
    paint_square(desk, 1, 5, 5)
    paint_square(desk, 2, 30, 5)
    paint_square(desk, 3, 30, 40)
    hands.key("Shift+M")

    hands.click((70, 12))  # Beside all objects.
    assert "no object" in desk.tools.hint
    hands.click((20, 20))
    assert "object 1" in desk.tools.hint
    hands.click((45, 20))
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 1, 3]

    hands.stroke([(45, 20), (45, 55)])
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 1]
    undo(desk)
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 1, 3]
    undo(desk)
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 1, 2, 3]


def test_a_rectangle_erases_what_lies_in_it_by_more_than_half(
    desk: Desk, hands: Hands
) -> None:
    for number, y in enumerate((5, 20, 35), start=1):
        paint_square(desk, number, y, 5)
    hands.key("Shift+E")

    # All of 1, five rows of 2, nothing of 3.
    hands.stroke([(12, 11), (25, 30), (34, 40)])

    assert sorted(np.unique(tile(desk)).tolist()) == [0, 2, 3]
    hands.stroke([(12, 11), (25, 30), (40, 40)])
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 3]
    hands.click((50, 20))
    assert not tile(desk).any()
    undo(desk)
    undo(desk)
    undo(desk)
    assert sorted(np.unique(tile(desk)).tolist()) == [0, 1, 2, 3]


def test_keys_change_the_outline_of_the_object_under_the_cursor(
    desk: Desk, hands: Hands, said: list[str]
) -> None:
    paint_square(desk, 1, 20, 20)
    before = tile(desk).copy()
    hands.hover((35, 35))

    hands.key("G")
    assert np.count_nonzero(tile(desk)) == 12 * 12 + 4 * 12
    hands.key("J")
    assert np.count_nonzero(tile(desk)) == 12 * 12
    hands.key("J")
    assert np.count_nonzero(tile(desk)) == 10 * 10
    for _ in range(3):
        undo(desk)
    assert np.array_equal(tile(desk), before)
    hands.hover((65, 65))
    hands.key("G")
    assert "point at one" in said[-1]


def test_holes_are_filled_from_within_and_all_at_once(desk: Desk, hands: Hands) -> None:
    for number, x in ((1, 5), (2, 30)):
        paint_square(desk, number, 10, x)
        paint_square(desk, 0, 14, x + 4, 3)
    before = tile(desk).copy()
    hands.hover((10 + 15, 10 + 10))  # In the hole of 1.
    hands.key("Q")
    assert tile(desk)[15, 10] == 1
    assert tile(desk)[15, 35] == 0

    undo(desk)
    hands.hover((65, 65))
    hands.key("Q")
    assert (tile(desk)[15, 10], tile(desk)[15, 35]) == (1, 2)
    undo(desk)
    assert np.array_equal(tile(desk), before)


def test_a_button_takes_a_tool_that_works_by_quick_clicks(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    paint_square(desk, 1, 20, 20)
    zoom = desk.viewer.scene.camera.zoom
    others = list(desk.viewer.mouse_double_click_callbacks)
    grid = ToolGrid(desk.tools, "tile")
    qtbot.addWidget(grid)
    grid._buttons["grow"].click()
    assert grid._buttons["grow"].isChecked()
    assert "Grow: click" in grid._hint.text()
    assert "Esc" in grid._hint.text()

    hands.click((35, 35))
    place = hands.on_canvas((35, 35))
    hands.send(hands.DOUBLE, place, pressed=True)
    hands.send(hands.RELEASE, place, pressed=False)

    # Two pixels on each side: with a cross, corners stay behind.
    assert np.count_nonzero(tile(desk)) == 12 * 12 + 4 * 12 + 4 * 12 + 4
    assert desk.viewer.scene.camera.zoom == zoom
    qtbot.keyClick(grid._buttons["grow"], "\x1b")
    assert desk.tools.active is None
    assert not grid._buttons["grow"].isChecked()
    assert grid._hint.isHidden()
    assert list(desk.viewer.mouse_double_click_callbacks) == others
    grid.close_grid()


def test_taking_napari_s_brush_puts_the_tool_away(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    layer = desk.viewer.layers["annotation"]
    layer.selected_label = 7
    desk.tools.take("erase")

    layer.mode = "paint"
    hands.click((40, 40))

    qtbot.waitUntil(lambda: desk.tools.active is None)
    assert (tile(desk) == 7).any()
    assert str(layer.mode) == "paint"


def test_the_tools_and_the_clicks_of_review_make_way_for_each_other(desk: Desk) -> None:
    clicks = desk.reviewing.tool
    desk.tools.take("split")
    clicks.take("accept")
    assert desk.tools.active is None
    assert clicks.clicking == "accept"
    desk.tools.take("grow")
    assert clicks.clicking is None
    assert desk.tools.active == "grow"


def test_escape_puts_the_clicks_of_review_away_too(desk: Desk, hands: Hands) -> None:
    desk.viewer.layers.selection.active = desk.viewer.layers["instances"]
    desk.reviewing.tool.take("reject")
    hands.key("Escape")
    assert desk.reviewing.tool.clicking is None


def test_a_read_only_project_stays_as_it_is(
    desk: Desk, hands: Hands, said: list[str]
) -> None:
    paint_square(desk, 1, 20, 20)
    before, shown = tile(desk).copy(), image(desk).copy()
    desk.session.read_only = "Somebody else has it."
    desk.tools.take("erase")

    hands.click((35, 35))
    hands.click(DISCS[0][:2])

    assert said[-2:] == ["Somebody else has it."] * 2
    assert np.array_equal(tile(desk), before)
    assert np.array_equal(image(desk), shown)
    desk.session.read_only = None


# -- on what the teacher sees ---------------------------------------------------------


def test_a_cut_makes_both_pieces_the_persons(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    before = image(desk).copy()
    number = at(desk, 40, 120)
    hands.key("Shift+S")
    hands.stroke([(20, 122), (60, 122)])

    left, right = at(desk, 40, 112), at(desk, 40, 130)
    assert left == number != right > 0
    assert np.array_equal(image(desk) > 0, before > 0)
    found = saved(desk)
    assert set(found.instances[found.owners == Owner.HUMAN].tolist()) == {left, right}
    assert found.owners[40, 160] == Owner.NOBODY  # The other discs are the teacher's.
    objects = desk.session.corrections.objects(desk.session.item)
    assert {objects[n].owner for n in (left, right)} == {Owner.HUMAN}

    # Another answer takes nothing of it, and what is taken back is today's teacher's.
    see(desk, qtbot, ((40, 120, 15), (40, 162, 14)))
    assert (at(desk, 40, 112), at(desk, 40, 130)) == (left, right)
    hands.key("Escape")
    undo(desk)
    assert at(desk, 40, 112) == at(desk, 40, 130) > 0
    assert not saved(desk).claimed.any()
    desk.viewer.layers.selection.active.redo()
    assert (at(desk, 40, 112), at(desk, 40, 130)) == (left, right)


def test_merged_objects_of_the_teacher_are_one_of_the_person(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    one, other = at(desk, 40, 120), at(desk, 40, 160)
    hands.key("Shift+M")
    hands.click((40, 120))
    hands.click((40, 160))

    assert at(desk, 40, 160) == one
    assert other not in image(desk)
    found = saved(desk)
    assert (found.instances[found.claimed] == one).all()
    see(desk, qtbot)
    assert at(desk, 40, 160) == at(desk, 40, 120) == one
    undo(desk)
    assert at(desk, 40, 160) != at(desk, 40, 120)


def test_erased_objects_do_not_come_back(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    hands.key("Shift+E")
    hands.stroke([(20, 100), (50, 150), (62, 182)])

    assert desk.tools.done == "Erased 2 objects."
    assert at(desk, 40, 120) == at(desk, 40, 160) == 0
    assert at(desk, 120, 60) > 0
    found = saved(desk)
    assert found.owners[40, 120] == found.owners[40, 160] == Owner.HUMAN
    see(desk, qtbot)
    assert at(desk, 40, 120) == at(desk, 40, 160) == 0
    undo(desk)
    assert at(desk, 40, 120) > 0
    assert at(desk, 40, 160) > 0
    assert not saved(desk).claimed.any()


def test_growing_takes_from_the_teacher_but_not_from_the_person(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    # Two that touch: of the left one the person is sure.
    see(desk, qtbot, ((100, 160, 14), (100, 190, 14)))
    left, right = at(desk, 100, 160), at(desk, 100, 190)
    desk.teacher.accept([left])
    area = int((image(desk) == left).sum())
    hands.hover((100, 190))
    for _ in range(4):
        hands.key("G")
    assert (image(desk) == left).sum() == area
    assert at(desk, 100, 190) == right
    assert saved(desk).owners[100, 190] == Owner.HUMAN
    grown = int((image(desk) == right).sum())
    hands.key("J")
    assert 0 < (image(desk) == right).sum() < grown
    for _ in range(5):
        undo(desk)
    assert saved(desk).owners[100, 190] == Owner.NOBODY


def test_a_hole_of_the_teacher_s_is_filled(
    desk: Desk, hands: Hands, said: list[str], qtbot: QtBot
) -> None:
    paint = desk.viewer.layers["instances"]
    paint.brush_size = 5
    paint.paint((120, 60), 0)
    assert at(desk, 120, 60) == 0
    number = at(desk, 120, 50)
    qtbot.waitUntil(lambda: not desk.teacher.busy)

    hands.hover((120, 60))
    hands.key("Q")
    assert at(desk, 120, 60) == number
    hands.hover((190, 20))
    hands.key("Q")
    assert "or into its hole" in said[-1]


def test_a_finished_tile_changes_as_by_strokes(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    item, box = desk.session.item, Box((130, 90), (40, 40))
    labels = np.zeros(box.size, np.int32)
    labels[10:20, 5:35] = 1
    desk.tiles.add(item, [box])
    desk.session.annotations.save(item, box, Annotation.complete(labels), "training")
    desk.session.tiles_changed.emit(item.id)
    qtbot.waitUntil(lambda: at(desk, 145, 100) > 0)
    qtbot.waitUntil(lambda: not desk.background.busy)

    hands.key("Shift+S")
    hands.stroke([(135, 108), (158, 108)])
    hands.key("Escape")

    assert at(desk, 145, 100) != at(desk, 145, 120)
    assert desk.autosave.flush()
    stored = desk.session.annotations.load(item, box)
    assert sorted(np.unique(stored.instances).tolist()) == [0, 1, 2]
    assert stored.annotated.all()
    undo(desk)
    assert at(desk, 145, 100) == at(desk, 145, 120)
    assert desk.autosave.flush()
    assert desk.session.annotations.load(item, box).n_objects == 1


def test_objects_in_the_tile_and_beside_it_stay_two(desk: Desk, hands: Hands) -> None:
    paint_square(desk, 1, 20, 20)
    hands.key("Shift+M")
    hands.click((35, 35))
    hands.click((40, 120))
    assert "they stay two" in desk.tools.hint


def test_hidden_objects_are_not_changed(desk: Desk, hands: Hands) -> None:
    desk.viewer.layers["instances"].visible = False
    desk.tools.take("erase")
    hands.click((40, 120))
    assert "hidden" in desk.tools.hint
    assert at(desk, 40, 120) > 0


def test_a_drag_that_meets_the_tile_is_for_it_if_there_is_something(
    desk: Desk, hands: Hands
) -> None:
    paint_square(desk, 1, 40, 40)
    number, shown = at(desk, 120, 60), image(desk).copy()
    hands.key("Shift+E")

    # From within the tile over the disc beside it: the tile's object goes.
    hands.stroke([(45, 30), (90, 60), (150, 100)])
    assert not tile(desk).any()
    assert np.array_equal(image(desk), shown)
    # There is none left in it: now the disc goes.
    hands.stroke([(45, 30), (90, 60), (150, 100)])
    assert at(desk, 120, 60) == 0
    undo(desk)
    assert at(desk, 120, 60) == number
    hands.key("Shift+S")
    hands.stroke([(60, 60), (100, 60), (160, 60)])
    assert at(desk, 120, 50) != at(desk, 120, 70)


def test_what_the_teacher_sees_in_the_tile_in_hand_is_out_of_reach(
    desk: Desk, hands: Hands, qtbot: QtBot, said: list[str]
) -> None:
    see(desk, qtbot, ((40, 40, 12), (40, 78, 14)))
    inside, across = at(desk, 40, 40), at(desk, 40, 80)
    assert 0 < inside != across > 0
    hands.key("Shift+E")
    hands.stroke([(15, 15), (40, 60), (70, 100)])
    assert at(desk, 40, 40) == inside
    assert at(desk, 40, 80) == 0  # As far as it lies beside the tile.
    assert not said
    assert not saved(desk).claimed[40, 40]


# -- brushes --------------------------------------------------------------------------


def test_brushes_go_to_the_layer_that_is_selected(desk: Desk) -> None:
    instances = desk.viewer.layers["instances"]
    annotation = desk.viewer.layers["annotation"]
    desk.viewer.layers.selection.active = desk.viewer.layers["pseudo-labels"]
    Hands(SimpleNamespace(desk=desk)).key("Shift+I")
    assert desk.viewer.layers.selection.active is annotation
    assert annotation.selected_label == -1

    desk.viewer.layers.selection.active = instances
    top = int(image(desk).max())
    Hands(SimpleNamespace(desk=desk)).key("N")
    assert instances.selected_label > top
    assert str(instances.mode) == "paint"
    Hands(SimpleNamespace(desk=desk)).key("Shift+I")
    assert instances.selected_label == -1
    desk.tools.press("background brush", "tile")
    assert desk.viewer.layers.selection.active is annotation
    assert annotation.selected_label == 0


def test_what_the_ignore_brush_paints_in_the_image_is_ignored(
    desk: Desk, hands: Hands
) -> None:
    desk.tools.press("ignore", "model")
    desk.viewer.layers["instances"].brush_size = 8
    hands.stroke([(100, 150), (100, 160)])
    assert saved(desk).owners[100, 155] == Owner.IGNORED
    undo(desk)
    assert saved(desk).owners[100, 155] == Owner.NOBODY


def test_the_background_brush_keeps_the_teacher_out(
    desk: Desk, hands: Hands, qtbot: QtBot
) -> None:
    desk.tools.press("background brush", "model")
    layer = desk.viewer.layers["instances"]
    assert (layer.selected_label, str(layer.mode)) == (0, "paint")
    layer.brush_size = 20
    # Straight from bare ground over a part of an object.
    slowly(hands, qtbot, [(100, 150), (72.5, 161), (45, 172)])
    qtbot.waitUntil(lambda: saved(desk).owners[100, 150] == Owner.HUMAN)

    found = saved(desk)
    assert found.owners[80, 158] == found.owners[45, 170] == Owner.HUMAN
    assert found.instances[80, 158] == found.instances[45, 170] == 0
    assert at(desk, 40, 152) > 0  # What is left of the object is the person's.
    assert found.owners[40, 152] == Owner.HUMAN
    see(desk, qtbot, ((85, 156, 8), (40, 160, 15)))
    assert at(desk, 85, 156) == 0

    undo(desk)  # One step.
    assert not saved(desk).claimed.any()
    assert at(desk, 85, 156) > 0
    assert at(desk, 45, 170) > 0
    desk.viewer.layers["instances"].redo()
    assert at(desk, 85, 156) == at(desk, 45, 170) == 0


def test_the_hands_reach_all_of_the_image(desk: Desk, hands: Hands) -> None:
    height, width = canvas_size(desk.viewer)
    for pixel in ((0, 0), (SHAPE[0] - 1, SHAPE[1] - 1)):
        y, x = hands.on_canvas(pixel)
        assert 0 < y < height
        assert 0 < x < width


def test_each_tool_has_a_button_with_its_key_and_a_sentence(
    desk: Desk, qtbot: QtBot
) -> None:
    grid = ToolGrid(desk.tools, "model")
    qtbot.addWidget(grid)
    for name, made in grid._buttons.items():
        assert made.text().endswith(KEYS[name].short)
        assert TOOLS[name].tip in made.toolTip()
        assert KEYS[name].shown in made.toolTip()
    grid.allow("Open a project first.")
    assert {made.toolTip() for made in grid._buttons.values()} == {
        "Open a project first."
    }
    grid.close_grid()
