"""Several classes in the dock: the list, the strokes, what is kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bench import close_bench, make_bench, make_project

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.classes.class_list import ClassList
from napari_semiseg.viewer.classes.class_shares import class_shares
from napari_semiseg.viewer.classes.class_table import ClassTable
from napari_semiseg.viewer.classes.task_choice import TaskChoice
from napari_semiseg.viewer.colours import class_colour, class_colours
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.own_layers import mark
from napari_semiseg.viewer.panels.annotate import AnnotatePanel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.viewer.desk import Desk

BOX = Box((10, 20), (64, 64))
NAMES = ("cytoplasm", "nucleus", "debris")


def opened(viewer: Any, folder: Path, task: Any, names: tuple[str, ...]) -> Desk:
    desk = make_bench(viewer)
    desk.session.open(make_project(folder, 1, task, names))
    return desk


def take_tile(desk: Desk) -> Any:
    """The layer of a tile in hand."""
    item = desk.session.opened.images[0]
    desk.images.show(item)
    if not desk.session.annotations.tiles(item):
        desk.session.annotations.add_tile(item, BOX)
        desk.session.tiles_changed.emit(item.id)
    desk.annotating.take((item.id, BOX))
    layer = desk.annotating.annotation.layer
    assert layer is not None
    return layer


@pytest.fixture
def semantic(viewer: Any, tmp_path: Path) -> Iterator[Desk]:
    desk = opened(viewer, tmp_path, "semantic", NAMES)
    take_tile(desk)
    yield desk
    close_bench(desk)


@pytest.fixture
def kinds(viewer: Any, tmp_path: Path) -> Iterator[Desk]:
    """Single objects of several kinds."""
    desk = opened(viewer, tmp_path, "instances", ("healthy", "dead"))
    take_tile(desk)
    yield desk
    close_bench(desk)


def layer_of(desk: Desk) -> Any:
    return desk.annotating.annotation.layer


def press(desk: Desk, name: str) -> None:
    handler = desk.viewer.window._qt_viewer._key_map_handler
    assert handler.press_key(KEYS[name].sequence)


def paint(desk: Desk, y: int, x: int) -> None:
    layer_of(desk).paint((y, x), layer_of(desk).selected_label)


def saved(desk: Desk) -> Any:
    assert desk.annotating.save()
    item = desk.session.opened.images[0]
    return AnnotationStore(Project.open(desk.session.opened.folder)).load(item, BOX)


def test_the_chosen_class_is_what_is_painted_and_kept(semantic: Desk) -> None:
    layer = layer_of(semantic)
    layer.brush_size = 5
    assert (layer.selected_label, layer.mode) == (1, "paint")
    paint(semantic, 10, 10)
    press(semantic, "class 3")
    assert (semantic.palette.chosen, layer.selected_label) == (3, 3)
    assert semantic.teacher.painting == 3
    paint(semantic, 40, 40)
    press(semantic, "background")
    paint(semantic, 40, 42)

    found = saved(semantic)
    assert found.instances[10, 10] == 1
    assert found.instances[40, 38] == 3
    assert found.instances[40, 42] == 0
    assert dict(found.classes) == {3: 3}


def test_strokes_of_classes_are_undone_and_survive_a_restart(
    semantic: Desk, viewer: Any
) -> None:
    semantic.palette.choose(2)
    paint(semantic, 10, 10)
    semantic.palette.choose(1)
    paint(semantic, 10, 10)
    layer_of(semantic).undo()
    assert layer_of(semantic).data[10, 10] == 2
    assert saved(semantic).instances[10, 10] == 2
    semantic.annotating.states.done()

    folder = semantic.session.opened.folder
    semantic.session.close()
    semantic.session.open(Project.open(folder))
    layer = take_tile(semantic)
    assert layer.data[10, 10] == 2
    assert layer.selected_label == semantic.palette.chosen == 1
    found = saved(semantic)
    assert found.annotated.all()
    assert dict(found.classes) == {2: 2}


def test_a_label_that_is_no_class_is_not_taken(semantic: Desk) -> None:
    said: list[str] = []
    semantic.session.said.connect(lambda text, problem: said.append(text))
    layer_of(semantic).selected_label = 7
    assert layer_of(semantic).selected_label == 1
    assert "no class 7" in said[-1]
    layer_of(semantic).selected_label = 2
    assert semantic.palette.chosen == 2


def test_a_class_picked_on_the_layer_of_the_model_is_the_chosen_one(
    semantic: Desk,
) -> None:
    semantic.teacher.class_picked.emit(2)
    assert semantic.palette.chosen == 2
    assert semantic.annotating.annotation.brush == 2
    semantic.teacher.class_picked.emit(9)
    assert semantic.palette.chosen == 2
    assert semantic.teacher.painting == 2


def test_ignoring_goes_back_to_the_class(semantic: Desk) -> None:
    semantic.palette.choose(2)
    press(semantic, "ignore")
    assert layer_of(semantic).selected_label == -1
    press(semantic, "ignore")
    assert layer_of(semantic).selected_label == 2


def test_tools_for_objects_say_that_there_are_none(semantic: Desk) -> None:
    said: list[str] = []
    semantic.session.said.connect(lambda text, problem: said.append(text))
    for name in ("new id", "split", "merge", "erase", "grow", "shrink", "fill holes"):
        press(semantic, name)
        assert "not single objects" in said.pop()
    assert semantic.tools.active is None


def test_the_background_brush_paints_the_class_background(semantic: Desk) -> None:
    press(semantic, "background brush")
    assert layer_of(semantic).selected_label == semantic.palette.chosen == 0


def test_the_model_fills_in_classes_where_nothing_is_painted(semantic: Desk) -> None:
    semantic.palette.choose(1)
    paint(semantic, 10, 10)
    seen = np.full(BOX.size, 2, np.int32)
    seen[50:] = 0
    semantic.teacher.instances = seen
    semantic.annotating.tools.fill()
    data = layer_of(semantic).data
    assert (data[10, 10], data[30, 30], data[60, 60]) == (1, 2, 0)
    layer_of(semantic).undo()
    assert layer_of(semantic).data[30, 30] == 0


def test_colours_are_those_of_the_classes_in_all_layers(semantic: Desk) -> None:
    painted = layer_of(semantic).colormap.map(np.array([-1, 0, 1, 2, 3]))
    model = class_colours(4).map(np.array([0, 1, 2, 3]))
    np.testing.assert_array_equal(painted[1:], model)
    np.testing.assert_allclose(model[2], class_colour(2), atol=1e-6)
    assert painted[0, 3] == 1 and len(np.unique(painted[0, :3])) == 1
    colours = {class_colour(n) for n in range(1, 13)}
    assert len(colours) == 12


def test_the_list_shows_chooses_renames_and_adds(semantic: Desk, qtbot: QtBot) -> None:
    made = ClassList(semantic.palette)
    qtbot.addWidget(made)
    texts = [b.accessibleName() for b in made.buttons]
    assert texts == ["background", *NAMES]
    made.buttons[2].click()
    assert semantic.palette.chosen == 2
    assert [b.isChecked() for b in made.buttons] == [False, False, True, False]

    made._rename.click()
    made._name.setText("core")
    made._ok.click()
    assert semantic.session.opened.classes == ("cytoplasm", "core", "debris")
    made._add.click()
    made._name.setText("rim")
    made._ok.click()
    assert semantic.session.opened.classes[3] == "rim"
    assert semantic.palette.chosen == 4
    assert semantic.teacher.n_classes == 4
    assert layer_of(semantic).colormap.map(np.array([4]))[0, 3] == 1
    assert [b.accessibleName() for b in made.buttons][-1] == "rim"


def test_a_name_that_is_there_already_is_refused(semantic: Desk) -> None:
    said: list[str] = []
    semantic.session.said.connect(lambda text, problem: said.append(text))
    semantic.palette.add("nucleus")
    assert semantic.session.opened.classes == NAMES
    assert "a name of its own" in said[-1]


def test_names_that_a_model_knows_stay(semantic: Desk, qtbot: QtBot) -> None:
    from desk_fakes import finished_run

    run = finished_run(semantic.session.opened)
    run.model.mkdir(exist_ok=True)
    (run.model / "model.json").write_text('{"classes": ["cytoplasm"]}')
    (run.model / "weights.safetensors").write_bytes(b"")
    made = ClassList(semantic.palette)
    qtbot.addWidget(made)
    assert not made._rename.isEnabled()
    assert "knows the classes by their names" in made._rename.toolTip()
    assert made._add.isEnabled()


def test_the_panel_speaks_of_classes(semantic: Desk, qtbot: QtBot) -> None:
    panel = AnnotatePanel(semantic)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.classes.isVisible()
    assert panel.tools.shown() == ("background brush", "ignore")
    assert "Choose a class" in panel._where.text()
    assert panel._tile_tools["no objects"].text().startswith("All background")
    assert "all background" in panel._legend.text()
    layer_of(semantic).data[:32] = 2
    panel.refresh()
    assert "nucleus 50%" in panel._where.text()
    panel.close_panel()


def test_one_kind_of_objects_needs_no_list(bench: Desk, qtbot: QtBot) -> None:
    panel = AnnotatePanel(bench)
    qtbot.addWidget(panel)
    panel.show()
    assert not panel.classes.isVisible()
    bench.palette.choose(2)
    assert bench.palette.chosen == 1
    panel.close_panel()


def test_the_next_object_is_of_the_chosen_kind(kinds: Desk) -> None:
    paint(kinds, 10, 10)
    kinds.palette.choose(2)
    assert layer_of(kinds).selected_label == 2  # Object 1 stays what it is.
    paint(kinds, 40, 40)
    press(kinds, "new id")
    paint(kinds, 40, 10)
    found = saved(kinds)
    assert {n: found.classes.get(n, 1) for n in (1, 2, 3)} == {1: 1, 2: 2, 3: 2}


def test_an_object_gets_another_kind_and_undo_gives_it_back(
    kinds: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(kinds, 10, 10)
    tools = kinds.annotating.tools
    monkeypatch.setattr(tools, "_under_cursor", lambda: 1)
    tools.give_class(2)
    found = saved(kinds)
    number = int(found.instances[10, 10])
    assert found.classes == {number: 2}
    layer_of(kinds).undo()
    found = saved(kinds)
    assert found.instances[10, 10] == 1
    assert not found.classes


def test_pieces_keep_the_kind_of_their_object(kinds: Desk) -> None:
    kinds.palette.choose(2)
    paint(kinds, 10, 10)
    paint(kinds, 50, 50)
    kinds.tools.take("split")
    kinds.tools.click(layer_of(kinds).data_to_world((10, 10)))
    found = saved(kinds)
    ids = np.unique(found.instances[found.instances > 0]).tolist()
    assert len(ids) == 2
    assert [found.classes.get(n, 1) for n in ids] == [2, 2]


def test_the_choice_of_a_task(qtbot: QtBot) -> None:
    choice = TaskChoice()
    qtbot.addWidget(choice)
    assert (choice.task, choice.classes, choice.problem()) == (
        "instances",
        ("object",),
        None,
    )
    choice.tasks.setCurrentIndex(1)
    assert choice.problem() == "Name the classes first."
    choice.names.setText("cytoplasm, nucleus,")
    assert choice.problem() is None
    assert (choice.task, choice.classes) == ("semantic", ("cytoplasm", "nucleus"))
    choice.names.setText("cytoplasm, cytoplasm")
    assert "a name of its own" in (choice.problem() or "")
    choice.clear()
    assert (choice.task, choice.classes) == ("instances", ("object",))


def test_shares_of_classes_are_those_of_what_was_looked_at() -> None:
    label = np.array([[0, 0, 1, 1], [2, 2, 2, 1]], np.uint8)
    sure = np.array([[1, 0.5, 0.8, 0.6], [0.9, 0.9, 0.3, 0.1]], np.float32)
    known = np.ones((2, 4), bool)
    known[1, 3] = False
    found = class_shares(label, sure, sure > 0.7, known, 4)

    assert [share.area for share in found] == pytest.approx([2 / 7, 2 / 7, 3 / 7, 0])
    assert found[0].confidence == pytest.approx(0.75)
    assert found[1].confidence == pytest.approx(0.7)
    assert found[2].kept == pytest.approx(2 / 3)
    assert found[3].confidence is found[3].kept is None
    assert class_shares(label, sure, sure > 0.7, np.zeros((2, 4), bool), 4) == ()
    large = np.zeros((2000, 3000), np.uint8)
    large[:, :1500] = 1
    ones = np.ones(large.shape, np.float32)
    (half, other) = class_shares(large, ones, ones > 0, ones > 0, 2)
    assert half.area == pytest.approx(0.5, abs=1e-3)
    assert other.kept == 1


def test_the_table_of_classes(semantic: Desk, qtbot: QtBot) -> None:
    table = ClassTable(semantic.palette)
    qtbot.addWidget(table)
    table.fill(())
    assert table.isHidden()
    label = np.array([[0, 1, 2, 2]], np.uint8)
    sure = np.full((1, 4), 0.5, np.float32)
    shares = class_shares(label, sure, sure > 0.1, sure > 0, 4)
    table.fill(shares)
    grid = table.layout()
    texts = [grid.itemAtPosition(3, column).widget().text() for column in range(4)]
    assert texts == ["nucleus", "50%", "0.50", "100%"]
    assert grid.itemAtPosition(4, 2).widget().text() == "-"
    with qtbot.waitSignal(table.chosen) as chosen:
        table.buttons[2].click()
    assert chosen.args == [2]
    semantic.palette.choose(3)
    before = table.buttons
    table.fill(shares)
    assert table.buttons is before  # Nobody's press is lost by an answer.
    assert [b.isChecked() for b in table.buttons] == [False, False, False, True]


def test_the_brush_for_the_layer_of_the_model(semantic: Desk) -> None:
    said: list[str] = []
    semantic.session.said.connect(lambda text, problem: said.append(text))
    semantic.palette.paint_on_model(2)
    assert "was removed" in said[-1]
    layer = semantic.viewer.add_labels(np.zeros((8, 8), np.uint8), visible=False)
    mark(layer, "pseudo-labels")
    semantic.viewer.layers.selection.active = layer_of(semantic)
    semantic.palette.paint_on_model(2)
    assert semantic.viewer.layers.selection.active is layer
    assert (layer.mode, layer.visible) == ("paint", True)
    assert semantic.teacher.painting == semantic.palette.chosen == 2
