"""The teacher's layers in a viewer: strokes, answers, undo, and what is saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from teacher_scenes import DISCS, SHAPE, answer, disc

from napari_semiseg.geometry import Box
from napari_semiseg.learning.layer_words import SUPERVISED_WORDS
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.autosave import Autosave
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.desk import Desk
from napari_semiseg.viewer.own_layers import mark
from napari_semiseg.viewer.placement import Placement
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.teacher_layers import TeacherLayers
from napari_semiseg.viewer.teacher.windows import first_window, moved_window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_semiseg.viewer.teacher.teacher_planes import Answer

PLACEMENT = Placement((0.5, 0.5), (3.0, 7.0))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two images of the size of the scenes."""
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name in "ab":
        pixels = rng.integers(0, 4000, SHAPE, dtype=np.uint16)
        tifffile.imwrite(images / f"{name}.tif", pixels)
    made = Project.create(tmp_path / "project")
    assert not made.add_images([images]).skipped
    return made


@pytest.fixture
def desk(viewer: Any, qtbot: Any, project: Project) -> Iterator[Desk]:
    """A desk with the teacher's layers alone; the first image is in view."""
    session = Session()
    made = Desk(viewer, session, Background(session), Autosave(session))
    made.teacher = TeacherLayers(made)
    session.open(project)
    session.show(project.images[0], PLACEMENT)
    qtbot.waitUntil(lambda: made.teacher.ready)
    yield made
    session.close()
    made.teacher.close()
    made.autosave.close()
    made.background.close()


def see(desk: Desk, qtbot: Any, found: Any = None) -> None:
    """Let the teacher answer, and wait until that is shown."""
    give(desk, found)
    qtbot.waitUntil(lambda: not desk.teacher.busy)


def give(desk: Desk, found: Any = None) -> None:
    found = found or answer()
    desk.teacher.take_answer(
        desk.session.item.id,
        found.box,
        found.probability,
        found.label,
        found.confidence,
        found.selected,
        found.kind,
    )


def layer(desk: Desk, name: str) -> Any:
    return desk.viewer.layers[name]


def world(y: float, x: float) -> tuple[float, float]:
    return PLACEMENT.to_world((y, x))


def paint(desk: Desk, name: str, y: int, x: int, value: int, size: int = 7) -> None:
    found = layer(desk, name)
    found.brush_size = size
    found.paint((y, x), value)


def saved(desk: Desk) -> Any:
    assert desk.autosave.flush()
    item = desk.session.item
    return CorrectionStore(desk.session.opened).read(item, Box.whole(item.shape))


def test_three_layers_are_made_and_the_selection_stays(desk: Desk) -> None:
    names = [found.name for found in desk.viewer.layers]
    assert names == ["instances", "pseudo-labels", "confidence mask"]
    found = layer(desk, "instances")
    np.testing.assert_allclose(found.scale, (0.5, 0.5))
    np.testing.assert_allclose(found.translate, (3, 7))
    assert found.editable


def test_an_answer_is_shown_in_place_and_leaves_the_tools_alone(desk, qtbot) -> None:
    instances = layer(desk, "instances")
    instances.mode = "paint"
    array, visible = instances.data, layer(desk, "confidence mask").visible
    desk.viewer.layers.selection.active = instances
    see(desk, qtbot)
    np.testing.assert_array_equal(instances.data > 0, answer().label > 0)
    np.testing.assert_array_equal(layer(desk, "pseudo-labels").data, answer().label)
    np.testing.assert_array_equal(
        layer(desk, "confidence mask").data, answer().selected
    )
    assert instances.data is array
    assert instances.mode == "paint"
    assert desk.viewer.layers.selection.active is instances
    assert layer(desk, "confidence mask").visible is visible


def test_an_answer_that_comes_before_the_window_is_shown(desk, qtbot, project) -> None:
    desk.session.show(project.images[1], PLACEMENT)
    assert not desk.teacher.ready
    see(desk, qtbot)
    assert desk.teacher.object_at(world(*DISCS[0][:2])) > 0


def test_an_answer_for_another_image_is_dropped(desk, qtbot, project) -> None:
    give(desk)
    desk.session.show(project.images[1], PLACEMENT)
    qtbot.waitUntil(lambda: not desk.teacher.busy)
    assert not layer(desk, "instances").data.any()
    found = answer()
    desk.teacher.take_answer(
        project.images[0].id,
        found.box,
        found.probability,
        found.label,
        found.confidence,
        found.selected,
    )
    assert not desk.teacher.busy


def test_a_stroke_takes_the_object_over_and_is_saved(desk, qtbot) -> None:
    see(desk, qtbot)
    y, x, radius = DISCS[2]
    number = desk.teacher.object_at(world(y, x))
    with qtbot.waitSignal(desk.autosave.saved, timeout=5000):
        paint(desk, "instances", y, x + radius, number)
    there = layer(desk, "instances").data == number
    assert there.sum() > disc(SHAPE, y, x, radius).sum()
    assert desk.teacher.owner_at(world(y, x)) is Owner.HUMAN
    np.testing.assert_array_equal(saved(desk).instances == number, there)
    objects = CorrectionStore(desk.session.opened).objects(desk.session.item)
    assert objects[number].owner is Owner.HUMAN


def test_strokes_on_classes_and_the_mask_are_saved(desk, qtbot) -> None:
    see(desk, qtbot)
    paint(desk, "pseudo-labels", 50, 90, 1)
    paint(desk, "confidence mask", 20, 20, 2)
    found = saved(desk)
    assert found.classes[50, 90] == 1
    assert found.trust[20, 20] == 2


def test_undo_of_the_layer_gives_the_pixels_back_to_todays_teacher(desk, qtbot):
    see(desk, qtbot)
    y, x, radius = DISCS[2]
    number = desk.teacher.object_at(world(y, x))
    paint(desk, "instances", y, x + radius, number)
    smaller = [*DISCS[:2], (y, x, radius - 4), DISCS[3]]
    see(desk, qtbot, answer(discs=smaller))
    layer(desk, "instances").undo()
    now = desk.teacher.object_at(world(y, x))
    expected = disc(SHAPE, y, x, radius - 4)
    np.testing.assert_array_equal(layer(desk, "instances").data == now, expected)
    assert not saved(desk).owners.any()
    layer(desk, "pseudo-labels").redo()  # One journal for all of them.
    assert layer(desk, "instances").data[y, x + radius] == number
    assert saved(desk).owners[y, x] == Owner.HUMAN


def test_an_answer_waits_until_the_mouse_is_released(desk, qtbot) -> None:
    instances = layer(desk, "instances")
    (hold,) = [c for c in instances.mouse_drag_callbacks if c.__name__ == "hold"]

    class Event:
        type = "mouse_press"

    event = Event()
    drag = hold(instances, event)
    next(drag)
    assert desk.teacher.holding
    give(desk)
    qtbot.waitUntil(lambda: not desk.background.busy)
    assert not instances.data.any()
    instances.paint((50, 90), 40)  # The stroke ends after the answer has come.
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag)
    qtbot.waitUntil(lambda: not desk.teacher.busy)
    assert instances.data[DISCS[0][:2]] > 0
    assert instances.data[50, 90] == 40
    assert desk.teacher.owner_at(world(50, 90)) is Owner.HUMAN


def test_thresholds_are_followed_and_the_newest_win(desk, qtbot) -> None:
    see(desk, qtbot)
    desk.teacher.set_thresholds(0.97, 0.5, 0)
    desk.teacher.set_thresholds(0.5, 0.5, 300)
    assert desk.teacher.thresholds == (0.5, 0.5, 300)
    qtbot.waitUntil(lambda: not desk.teacher.busy)
    assert desk.teacher.object_at(world(*DISCS[0][:2])) == 0
    assert desk.teacher.object_at(world(*DISCS[2][:2])) > 0


def test_objects_are_accepted_rejected_and_given_back(desk, qtbot) -> None:
    see(desk, qtbot)
    first, second = (desk.teacher.object_at(world(y, x)) for y, x, _ in DISCS[:2])
    assert desk.teacher.accept([first]) == 1
    assert desk.teacher.reject([second]) == 1
    found = saved(desk)
    assert (found.owners[found.instances == first] == Owner.ACCEPTED).all()
    assert found.background[DISCS[1][:2]]
    with qtbot.waitSignal(desk.session.said) as said:
        assert desk.teacher.accept([first]) == 0
    assert "yours already" in said.args[0]
    desk.teacher.give_back()
    assert not saved(desk).owners.any()
    assert not CorrectionStore(desk.session.opened).objects(desk.session.item)


def test_what_is_saved_is_there_when_the_image_is_seen_again(desk, qtbot, project):
    see(desk, qtbot)
    y, x, _ = DISCS[0]
    number = desk.teacher.object_at(world(y, x))
    desk.teacher.accept([number])
    desk.session.show(project.images[1], PLACEMENT)
    qtbot.waitUntil(lambda: desk.teacher.ready)
    assert not layer(desk, "instances").data.any()
    desk.session.show(project.images[0], PLACEMENT)
    qtbot.waitUntil(lambda: desk.teacher.ready)
    assert layer(desk, "instances").data[y, x] == number
    see(desk, qtbot)
    shown = layer(desk, "instances").data
    np.testing.assert_array_equal(shown == number, disc(SHAPE, *DISCS[0]))


def test_what_is_asked_for_and_not_known_is_wanted(desk, qtbot) -> None:
    box = Box((0, 0), (32, 32))
    with qtbot.waitSignals([desk.teacher.wanted, desk.session.said]):
        assert desk.teacher.instances_in(box) is None
    see(desk, qtbot)
    found = desk.teacher.instances_in(box)
    np.testing.assert_array_equal(found > 0, (answer().label > 0)[box.slices])


def test_an_accepted_tile_is_finished_and_shown_as_one(desk, qtbot) -> None:
    see(desk, qtbot)
    box = Box((0, 0), (48, 80))
    item = desk.session.item
    with qtbot.waitSignal(desk.session.tiles_changed):
        desk.teacher.accept_tile(box)
    store = AnnotationStore(desk.session.opened)
    assert store.tile(item, box).state == "training"
    there = lambda: desk.teacher.owner_at(world(0, 79)) is Owner.HUMAN  # noqa: E731
    qtbot.waitUntil(there)
    paint(desk, "instances", 10, 40, 77)
    assert desk.autosave.flush()
    assert store.load(item, box).n_objects == 3


def of_two_classes() -> Answer:
    """Pixels below row 40 are of class 2 where they are an object's, and some above."""
    kind = np.ones(SHAPE, np.uint8)
    kind[40:], kind[20, 20] = 2, 2
    return replace(answer(), kind=kind)


def test_accepted_objects_have_the_class_the_teacher_saw(desk, qtbot) -> None:
    see(desk, qtbot, of_two_classes())
    first, last = (
        desk.teacher.object_at(world(y, x)) for y, x, _ in (DISCS[0], DISCS[3])
    )
    assert desk.teacher.accept([first, last]) == 2
    assert desk.autosave.flush()
    store, item = CorrectionStore(desk.session.opened), desk.session.item
    kinds = {n: record.class_id for n, record in store.objects(item).items()}
    assert kinds == {first: 1, last: 2}

    box = Box((40, 0), (56, 64))  # With the third disc, of class 2 for the most part.
    with qtbot.waitSignal(desk.session.tiles_changed):
        desk.teacher.accept_tile(box)
    tile = AnnotationStore(desk.session.opened).load(item, box)
    assert set(tile.classes.values()) == {2}
    assert tile.n_objects == len(tile.classes) == 1


def test_labels_changed_in_hand_are_seen_when_another_tile_is_taken(desk, qtbot):
    item, box = desk.session.item, Box((0, 0), (32, 32))
    store = AnnotationStore(desk.session.opened)
    store.add_tile(item, box, "training")
    desk.session.tiles_changed.emit(item.id)
    desk.session.take(box)
    labels = np.zeros(box.size, np.int32)
    labels[4:9, 4:9] = 1
    paint(desk, "instances", 10, 10, 5)
    # It has a layer of its own.
    qtbot.waitUntil(lambda: not layer(desk, "instances").data.any())
    store.save(item, box, Annotation.complete(labels))
    desk.session.take(None)
    shown = layer(desk, "instances")
    qtbot.waitUntil(lambda: bool(shown.data[6, 6]))
    np.testing.assert_array_equal(shown.data[box.slices] > 0, labels > 0)


def test_a_deleted_layer_stays_away_until_it_is_wanted(desk, qtbot, project) -> None:
    desk.viewer.layers.remove("instances")
    see(desk, qtbot)
    desk.session.show(project.images[1], PLACEMENT)
    qtbot.waitUntil(lambda: desk.teacher.ready)
    assert "instances" not in desk.viewer.layers
    see(desk, qtbot)
    desk.teacher.show_layers()
    assert (layer(desk, "instances").data > 0).any()
    paint(desk, "instances", 50, 90, 40)
    assert saved(desk).instances[50, 90] == 40


def test_layers_on_demand_come_and_go(desk, qtbot) -> None:
    see(desk, qtbot)
    desk.teacher.show_confidence(True)
    desk.teacher.show_owners(True)
    np.testing.assert_array_equal(layer(desk, "confidence").data, answer().confidence)
    assert layer(desk, "owner").data[DISCS[0][:2]] == Owner.TEACHER
    assert not layer(desk, "owner").editable
    see(desk, qtbot, answer(discs=[]))
    assert layer(desk, "confidence").data.max() == np.float32(0.9)
    assert not layer(desk, "owner").data.any()
    desk.teacher.show_confidence(False)
    desk.teacher.show_owners(False)
    assert len(desk.viewer.layers) == 3
    desk.teacher.show_confidence(True)
    desk.viewer.layers.remove("confidence")
    see(desk, qtbot)
    assert len(desk.viewer.layers) == 3  # The user took it away.
    assert desk.teacher.show_outlines(True) is None
    assert layer(desk, "instances").contour == 1


def test_layers_are_called_what_the_method_means_by_them(desk) -> None:
    layer(desk, "confidence mask").name = "mine"
    desk.teacher.set_words(SUPERVISED_WORDS)
    found = layer(desk, "prediction (no target)")
    assert found.metadata["about"] == SUPERVISED_WORDS.about_label
    assert "mine" in desk.viewer.layers


def test_the_project_takes_its_layers_along(desk) -> None:
    desk.session.close()
    assert not desk.viewer.layers
    assert desk.teacher.window is None


def test_a_project_opened_to_look_only_is_not_painted_on(desk, qtbot, project):
    desk.session.read_only = "Somebody else has it open."
    desk.session.show(project.images[1], PLACEMENT)
    qtbot.waitUntil(lambda: desk.teacher.ready)
    see(desk, qtbot)
    assert not layer(desk, "instances").editable
    before = layer(desk, "instances").data.copy()
    paint(desk, "instances", 50, 90, 40)  # As a script can.
    after = layer(desk, "instances").data
    qtbot.waitUntil(lambda: np.array_equal(after, before))
    assert desk.teacher.accept([int(before.max())]) == 0
    assert not desk.autosave.unsaved


def test_layers_lie_under_the_tile_in_hand(desk, qtbot, project) -> None:
    above = desk.viewer.add_labels(np.zeros((8, 8), int), name="annotation")
    mark(above, "annotation")
    desk.viewer.layers.remove("instances")
    desk.teacher.show_layers()
    names = [found.name for found in desk.viewer.layers]
    assert names.index("instances") < names.index("annotation")


def test_windows_cover_small_images_and_follow_the_view_in_large_ones() -> None:
    assert first_window((2048, 300)) == Box((0, 0), (2048, 300))
    large = (5000, 20_000)
    window = first_window(large)
    assert window.size == (2048, 2048)
    inside = Box(tuple(o + 100 for o in window.origin), (500, 500))
    assert moved_window(window, inside, large) == window
    corner = Box((4900, 19_900), (100, 100))
    assert moved_window(window, corner, large) == Box((2952, 17_952), (2048, 2048))
    everything = Box.whole(large)
    assert moved_window(window, everything, large).size == (2048, 2048)


def test_the_window_of_a_large_image_follows_the_view_and_loses_no_stroke(
    desk: Desk, qtbot: Any, tmp_path: Path
) -> None:
    shape = (2200, 2500)
    tifffile.imwrite(tmp_path / "large.tif", np.ones(shape, np.uint8))
    project = desk.session.opened
    (item,) = project.add_images([tmp_path / "large.tif"]).added
    desk.session.show(item, Placement())
    qtbot.waitUntil(lambda: desk.teacher.ready, timeout=20_000)
    first = desk.teacher.window
    assert first.size == (2048, 2048)
    paint(desk, "instances", 5, 5, 40)
    with qtbot.waitSignal(desk.teacher.window_changed):
        desk.teacher.look_elsewhere(Box((2100, 2400), (100, 100)))
    qtbot.waitUntil(lambda: desk.teacher.ready, timeout=20_000)
    assert desk.teacher.window == Box((152, 452), (2048, 2048))
    instances = layer(desk, "instances")
    np.testing.assert_allclose(instances.translate, (152, 452))
    box = Box((700, 700), SHAPE)
    found = answer()
    desk.teacher.take_answer(
        item.id, box, found.probability, found.label, found.confidence, found.selected
    )
    y, x, _ = DISCS[0]
    qtbot.waitUntil(lambda: desk.teacher.object_at((700 + y, 700 + x)) > 0)
    assert instances.data[700 + y - 152, 700 + x - 452] > 0
    own = CorrectionStore(project).read(item, Box((0, 0), (600, 600)))
    assert own.instances[first.origin[0] + 5, first.origin[1] + 5] == 40


def test_a_large_answer_reaches_all_layers(desk, qtbot, tmp_path) -> None:
    shape = (1100, 1100)
    tifffile.imwrite(tmp_path / "wide.tif", np.ones(shape, np.uint8))
    (item,) = desk.session.opened.add_images([tmp_path / "wide.tif"]).added
    desk.session.show(item, Placement())
    found = answer(Box.whole(shape), [(500, 500, 300)], shape)
    see(desk, qtbot, found)
    mask = layer(desk, "confidence mask")
    qtbot.waitUntil(lambda: np.array_equal(mask.data, found.selected))
    np.testing.assert_array_equal(layer(desk, "pseudo-labels").data, found.label)
