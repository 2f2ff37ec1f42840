"""A person's decisions over what a teacher sees, as arrays alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from teacher_scenes import DISCS, SHAPE, answer, dab, disc, id_at, make_view, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.classes import BOUNDARY, INTERIOR, class_targets
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.teacher.composing import compose
from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile, shown_apart
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
from napari_semiseg.viewer.teacher.teacher_planes import Rules

WHOLE = Box.whole(SHAPE)


def as_composed(view) -> bool:
    """Whether what is shown is what composing the whole window would show."""
    fresh = compose(view.window, view.teacher, view.human, view.rules)
    planes = ("instances", "label", "trusted", "owners")
    return all(
        np.array_equal(getattr(view.shown, p), getattr(fresh, p)) for p in planes
    )


@pytest.fixture
def view():
    made = make_view()
    see(made, answer())
    return made


def test_what_the_teacher_sees_is_shown_as_it_came(view) -> None:
    seen = answer()
    np.testing.assert_array_equal(view.shown.label, seen.label)
    np.testing.assert_array_equal(view.shown.trusted, seen.selected)
    for y, x, radius in DISCS:
        assert id_at(view, y, x) > 0
        there = view.shown.instances == id_at(view, y, x)
        np.testing.assert_array_equal(there, disc(SHAPE, y, x, radius))
    assert len(np.unique(view.shown.instances)) == 1 + len(DISCS)


def test_objects_keep_their_ids_when_they_move_a_little_and_others_come(view) -> None:
    before = [id_at(view, y, x) for y, x, _ in DISCS]
    moved = [(y + 1, x - 1, r - 1) for y, x, r in DISCS]
    see(view, answer(discs=[(40, 110, 8), *moved]))
    assert [id_at(view, y, x) for y, x, _ in DISCS] == before
    assert id_at(view, 40, 110) > max(before)


def test_an_id_of_an_object_that_vanished_is_not_given_again(view) -> None:
    gone = id_at(view, *DISCS[0][:2])
    see(view, answer(discs=DISCS[1:]))
    assert gone not in view.shown.instances
    see(view, answer(discs=[*DISCS[1:], (45, 80, 7)]))
    assert id_at(view, 45, 80) not in (0, gone)


def test_teacher_ids_lie_above_those_that_the_project_has_given() -> None:
    view = make_view(first=500)
    see(view, answer())
    assert min(view.teacher.seen) > 500


def test_painting_takes_the_whole_object_over_and_keeps_its_id(view) -> None:
    y, x, radius = DISCS[2]
    number = id_at(view, y, x)
    before = view.shown.instances == number
    view.stroke("instances", dab(y, x + radius, 4, number))
    expected = before | disc(SHAPE, y, x + radius, 4)
    np.testing.assert_array_equal(view.shown.instances == number, expected)
    np.testing.assert_array_equal(view.shown.owners == Owner.HUMAN, expected)
    assert view.human.objects[number].owner is Owner.HUMAN
    see(view, answer(discs=[(10, 100, 6)]))
    np.testing.assert_array_equal(view.shown.instances == number, expected)


def test_an_object_taken_over_shares_its_id_with_none_of_the_teacher(view) -> None:
    y, x, radius = DISCS[2]
    number = id_at(view, y, x)
    view.stroke("instances", dab(y, x + radius, 2, number))
    # Half of it is given back, and the teacher sees the object still.
    view.give_back(Box((y - radius, x - radius), (2 * radius + 1, radius)))
    assert number not in view.teacher.seen
    see(view, answer())
    assert number not in view.teacher.seen
    assert as_composed(view)


def test_a_teacher_object_mostly_painted_over_goes_and_comes_back_by_undo(view) -> None:
    y, x, radius = DISCS[3]
    other = id_at(view, y, x)
    view.stroke("instances", dab(y, x, radius - 2, 900))
    assert other not in view.shown.instances
    view.undo()
    np.testing.assert_array_equal(
        view.shown.instances == other, disc(SHAPE, y, x, radius)
    )


def test_erasing_makes_background_and_the_rest_the_persons(view) -> None:
    y, x, radius = DISCS[0]
    number = id_at(view, y, x)
    view.stroke("instances", dab(y, x + radius, 5, 0))
    whole, erased = disc(SHAPE, y, x, radius), disc(SHAPE, y, x + radius, 5)
    np.testing.assert_array_equal(view.shown.instances == number, whole & ~erased)
    own = view.human.own
    np.testing.assert_array_equal(own.background, whole & erased)
    see(view, answer())
    np.testing.assert_array_equal(view.shown.instances == number, whole & ~erased)
    assert not view.shown.instances[whole & erased].any()


def test_an_object_that_is_erased_to_the_last_pixel_has_no_record(view) -> None:
    y, x, radius = DISCS[0]
    view.stroke("instances", dab(y, x, 3, 700))
    assert 700 in view.human.objects
    view.stroke("instances", dab(y, x, radius + 3, 0))
    assert not view.human.objects
    assert view.copy_unsaved().objects[700] is None


def test_ignored_pixels_are_no_object_and_stay_the_teachers_business(view) -> None:
    y, x, _ = DISCS[1]
    number = id_at(view, y, x)
    view.stroke("instances", dab(y, x + 8, 3, -1))
    where = disc(SHAPE, y, x + 8, 3)
    assert (view.shown.instances[where] == -1).all()
    assert (view.human.own.owners[where] == Owner.IGNORED).all()
    assert number not in view.human.objects
    np.testing.assert_array_equal(view.shown.label[where], answer().label[where])


def test_a_persons_object_has_the_classes_that_are_learned_from_it(view) -> None:
    view.stroke("instances", dab(45, 90, 8, 800))
    there = view.shown.instances == 800
    expected = class_targets(np.where(there, 800, 0).astype(np.int32), there)
    np.testing.assert_array_equal(view.shown.label[there], expected[there])
    assert {INTERIOR, BOUNDARY} <= set(np.unique(view.shown.label[there]))


def test_where_boundaries_lie_is_followed_when_the_model_changes(view) -> None:
    view.stroke("instances", dab(45, 90, 8, 800))
    see(view, None, Rules(boundary_mode="outer"))
    assert (view.shown.label[view.shown.instances == 800] == INTERIOR).all()
    assert as_composed(view)


def test_of_class_and_object_the_latest_act_wins(view) -> None:
    y, x, _ = DISCS[0]
    view.stroke("label", dab(y, x, 3, 2))
    where = disc(SHAPE, y, x, 3)
    assert (view.shown.label[where] == 2).all()
    see(view, answer())
    assert (view.shown.label[where] == 2).all()
    view.stroke("instances", dab(y, x, 3, 600))
    assert (view.human.own.classes[where] == UNSET_CLASS).all()
    view.stroke("label", dab(y, x, 1, 0))
    assert view.shown.label[y, x] == 0
    assert id_at(view, y, x) == 600


def test_trust_is_laid_over_the_mask_and_taken_back_by_zero(view) -> None:
    view.stroke("trusted", dab(20, 20, 2, 2))
    view.stroke("trusted", dab(20, 12, 2, 1))
    see(view, answer())
    assert view.shown.trusted[20, 20] == 2
    assert view.shown.trusted[20, 12] == 1
    assert not answer().selected[20, 12]
    view.stroke("trusted", dab(20, 12, 2, 0))
    view.stroke("trusted", dab(20, 20, 2, 0))
    np.testing.assert_array_equal(view.shown.trusted, answer().selected)


@pytest.mark.parametrize(("layer", "value"), [("label", 3), ("trusted", 7)])
def test_a_label_without_meaning_changes_nothing_and_is_said(view, layer, value):
    before = getattr(view.shown, layer).copy()
    change = view.stroke(layer, dab(20, 20, 3, value))
    assert "0 to 2" in change.outcome.reason
    np.testing.assert_array_equal(getattr(view.shown, layer), before)
    assert view.undo() is None


def test_accepting_makes_an_object_the_persons_with_its_id(view) -> None:
    ids = [id_at(view, y, x) for y, x, _ in DISCS[:2]]
    change = view.do("accept", [*ids, 4711])
    assert change.outcome.n_done == 2
    assert "no object 4711" in change.outcome.reason
    assert {view.human.objects[n].owner for n in ids} == {Owner.ACCEPTED}
    see(view, answer(discs=[]))
    assert [id_at(view, y, x) for y, x, _ in DISCS[:2]] == ids
    assert "yours already" in view.do("accept", ids[:1]).outcome.reason


def test_changing_an_accepted_object_makes_it_the_persons(view) -> None:
    y, x, radius = DISCS[0]
    number = id_at(view, y, x)
    view.do("accept", [number])
    view.stroke("instances", dab(y, x + radius, 2, number))
    there = view.shown.instances == number
    assert (view.shown.owners[there] == Owner.HUMAN).all()
    assert view.human.objects[number].owner is Owner.HUMAN


def test_an_object_that_may_go_on_outside_is_not_accepted() -> None:
    view = make_view()
    see(view, answer(Box((0, 0), (SHAPE[0], 40))))  # Cuts the third disc.
    change = view.do("accept", [id_at(view, 60, 35)])
    assert "not looked yet" in change.outcome.reason
    assert not view.human.objects


def test_a_rejected_object_is_background_until_it_is_given_back(view) -> None:
    y, x, radius = DISCS[0]
    number = id_at(view, y, x)
    assert view.do("reject", [number]).outcome.n_done == 1
    whole = disc(SHAPE, y, x, radius)
    see(view, answer())
    assert not view.shown.instances[whole].any()
    assert not view.shown.label[whole].any()
    view.give_back(WHOLE)
    assert id_at(view, y, x) == number
    assert as_composed(view)


def test_objects_given_back_are_the_teachers_again(view) -> None:
    y, x, _ = DISCS[0]
    number = id_at(view, y, x)
    view.do("accept", [number])
    assert view.do("give back", [number]).outcome.n_done == 1
    assert not view.human.objects
    assert not view.human.own.owners.any()
    assert view.shown.owners[y, x] == Owner.TEACHER
    there = id_at(view, y, x)
    assert "the teacher's already" in view.do("give back", [there]).outcome.reason


def test_undo_after_an_answer_shows_what_the_teacher_sees_today(view) -> None:
    y, x, radius = DISCS[2]
    number = id_at(view, y, x)
    view.stroke("instances", dab(y, x + radius, 5, number))
    smaller = [*DISCS[:2], (y, x, radius - 4), DISCS[3]]
    see(view, answer(discs=smaller))
    view.undo()
    np.testing.assert_array_equal(
        view.shown.instances == id_at(view, y, x), disc(SHAPE, y, x, radius - 4)
    )
    np.testing.assert_array_equal(view.shown.label, answer(discs=smaller).label)
    view.redo()
    assert view.shown.owners[y, x + radius] == Owner.HUMAN
    assert id_at(view, y, x) == number
    assert as_composed(view)


def test_an_act_after_undo_forgets_what_was_undone(view) -> None:
    view.stroke("instances", dab(45, 90, 4, 800))
    view.undo()
    view.stroke("trusted", dab(45, 90, 2, 1))
    assert view.redo() is None
    assert 800 not in view.shown.instances


def test_strokes_while_an_answer_is_worked_on_stay(view) -> None:
    y, x, radius = DISCS[1]
    number = id_at(view, y, x)
    job = view.job(answer(), view.rules)
    look = job.run()  # Knows nothing of what is painted now.
    view.stroke("instances", dab(y, x + radius, 4, number))
    view.stroke("label", dab(60, 40, 2, 0))
    view.do("reject", [id_at(view, *DISCS[3][:2])])
    shown = view.shown.owners.copy()
    view.apply(look)
    np.testing.assert_array_equal(view.shown.owners, shown)
    assert number not in view.teacher.seen
    assert as_composed(view)


def test_other_thresholds_give_other_objects_where_anything_is_known(view) -> None:
    see(view, None, Rules(Thresholds(0.97, 0.5)))
    assert not view.shown.instances.any()
    see(view, None, Rules(Thresholds(0.5, 0.5), min_size=300))
    # Of four discs two have 300 pixels or more.
    sizes = np.bincount(view.shown.instances.ravel())[1:]
    large = sorted(int(disc(SHAPE, *DISCS[n]).sum()) for n in (2, 3))
    assert sorted(sizes[sizes > 0].tolist()) == large


def test_an_answer_about_a_part_joins_what_is_known_around_it(view) -> None:
    y, x, radius = DISCS[2]
    number = id_at(view, y, x)
    see(view, answer(Box((0, 0), (SHAPE[0], x))))
    np.testing.assert_array_equal(
        view.shown.instances == number, disc(SHAPE, y, x, radius)
    )
    assert view.known_in(WHOLE)


def test_what_the_teacher_has_not_seen_is_not_known() -> None:
    view = make_view()
    see(view, answer(Box((0, 0), (40, 40))))
    assert view.known_in(Box((0, 0), (40, 40)))
    assert not view.known_in(Box((0, 0), (41, 40)))
    assert not view.known_in(Box((-1, 0), (10, 10)))


def test_a_window_of_a_larger_image_counts_from_its_own_origin() -> None:
    window = Box((32, 64), (64, 64))
    view = make_view(window)
    see(view, answer(Box((40, 70), (56, 58))))
    number = id_at(view, 70, 100)
    assert number > 0
    view.stroke("instances", dab(70, 112, 3, number))
    assert view.human.objects[number].box.contains(Box((60, 90), (21, 20)))
    (box, planes), *rest = view.copy_unsaved().corrections
    assert not rest
    assert (planes.instances == number).sum() == (view.shown.instances == number).sum()
    assert window.contains(box)


def test_the_proposal_leaves_out_what_a_person_decided(view) -> None:
    kept, rejected, own = (id_at(view, y, x) for y, x, _ in DISCS[:3])
    view.do("reject", [rejected])
    view.do("accept", [own])
    found = view.proposal(Box((0, 0), (SHAPE[0], 80)))
    assert set(np.unique(found)) == {0, kept}


def test_an_id_painted_far_away_is_another_object() -> None:
    view = make_view(Box((0, 0), (48, 48)))
    view.stroke("instances", dab(10, 10, 3, 5))
    far = view.human.objects[5].model_copy(update={"box": Box((80, 80), (9, 9))})
    view.human.objects[5] = far
    view.human.own.instances[:] = 0
    view.human.own.owners[:] = 0
    change = view.stroke("instances", dab(30, 30, 3, 5))
    used = change.outcome.renamed[5]
    assert used != 5
    assert id_at(view, 30, 30) == used
    assert view.human.objects[5] == far


def test_saved_copies_hold_each_change_once_and_failures_stay(view) -> None:
    view.stroke("instances", dab(45, 90, 4, 800))
    first = view.copy_unsaved()
    view.stroke("trusted", dab(10, 110, 2, 1))
    again = view.copy_unsaved()  # As after a failure: all of it once more.
    assert {800} == set(again.objects)
    assert len(again.corrections) == 2
    view.unsaved.written(first)
    assert len(view.copy_unsaved().corrections) == 1
    view.unsaved.written(again)
    assert not view.unsaved
    view.undo()
    ((box, planes),) = view.copy_unsaved().corrections
    assert box.contains(Box((10, 110), (1, 1)))
    assert not planes.trust.any()


# -- finished tiles -----------------------------------------------------------------

TILE = Box((0, 0), (48, 48))


@pytest.fixture
def tiled():
    labels = np.zeros(TILE.size, np.int32)
    labels[disc(TILE.size, 20, 20, 5)] = 1
    labels[disc(TILE.size, 40, 10, 4)] = 2
    labels[:3, :3] = -1
    fresh = FreshIds(0)
    made = make_view(tiles=shown_apart([FinishedTile(TILE, labels)], fresh), first=10)
    see(made, answer())
    return made, labels


def test_a_finished_tile_shows_its_labels_alone(tiled) -> None:
    view, labels = tiled
    inside = view.shown.instances[TILE.slices]
    np.testing.assert_array_equal(inside > 0, labels > 0)
    np.testing.assert_array_equal(inside < 0, labels < 0)
    assert id_at(view, 20, 20) != id_at(view, 40, 10)
    assert (view.shown.owners[TILE.slices][labels >= 0] == Owner.HUMAN).all()


def test_painting_in_a_finished_tile_changes_its_annotation(tiled) -> None:
    view, labels = tiled
    view.stroke("instances", dab(20, 26, 3, id_at(view, 20, 20)))
    view.stroke("instances", dab(40, 10, 2, 0))
    view.stroke("instances", dab(8, 30, 2, 950))
    copies = view.copy_unsaved()
    assert not copies.corrections
    assert not copies.objects
    ((box, annotation),) = copies.tiles
    assert box == TILE
    expected = labels.copy()
    expected[disc(TILE.size, 20, 26, 3)] = 1
    expected[disc(TILE.size, 40, 10, 2)] = 0
    expected[disc(TILE.size, 8, 30, 2)] = 3
    np.testing.assert_array_equal(annotation.instances, expected)
    np.testing.assert_array_equal(annotation.annotated, expected >= 0)
    for _ in range(3):
        view.undo()
    np.testing.assert_array_equal(view.copy_unsaved().tiles[0][1].instances, labels)


def test_a_stroke_over_the_edge_of_a_tile_changes_both_sides(tiled) -> None:
    view, _ = tiled
    view.stroke("instances", dab(30, 48, 4, 950))
    copies = view.copy_unsaved()
    assert (copies.tiles[0][1].instances == 3).any()
    ((_, planes),) = copies.corrections
    outside = disc(SHAPE, 30, 48, 4)
    outside[TILE.slices] = False
    assert (planes.instances == 950).sum() == outside.sum()
    np.testing.assert_array_equal(view.shown.instances == 950, disc(SHAPE, 30, 48, 4))


def test_the_tile_in_hand_is_not_painted_here(tiled) -> None:
    view, _ = tiled
    view.in_hand = TILE
    before = view.shown.instances.copy()
    change = view.stroke("instances", dab(20, 26, 3, id_at(view, 20, 20)))
    assert "annotation" in change.outcome.reason
    np.testing.assert_array_equal(view.shown.instances, before)
    assert not view.unsaved


def test_objects_of_tiles_are_neither_rejected_nor_overlapped(tiled) -> None:
    view, _ = tiled
    number = id_at(view, 20, 20)
    for verb in ("reject", "give back"):
        assert "finished tile" in view.do(verb, [number]).outcome.reason
    straddling = id_at(view, 60, 40)
    assert straddling > 0
    view.put_tiles([FinishedTile(Box((48, 0), (20, 30)), np.zeros((20, 30), np.int32))])
    reason = view.do("accept", [straddling]).outcome.reason
    assert "finished tile" in reason
    assert "finished tile" in view.stroke("label", dab(58, 25, 2, 1)).outcome.reason


def test_a_tile_that_is_read_again_keeps_its_ids_and_changes_what_differs(tiled):
    view, labels = tiled
    before = id_at(view, 20, 20)
    assert view.put_tiles([FinishedTile(TILE, labels)]) is None
    changed = labels.copy()
    changed[disc(TILE.size, 8, 30, 3)] = 7
    assert view.put_tiles([FinishedTile(TILE, changed)]) is not None
    assert id_at(view, 20, 20) == before
    assert id_at(view, 8, 30) > 0
    assert view.put_tiles([]) is not None
    assert id_at(view, 8, 30) == 0
    assert as_composed(view)


def test_an_answer_alone_leaves_nothing_that_another_model_saw() -> None:
    view = make_view()
    see(view, answer())
    before = id_at(view, 20, 20)
    part = Box((0, 0), (48, 48))

    changed = see(view, replace(answer(part, DISCS[:1]), alone=True))

    assert changed == Box.whole(SHAPE)
    # The same object has the same colour; the others are gone, and unknown.
    assert id_at(view, 20, 20) == before
    assert set(np.unique(view.shown.instances)) == {0, before}
    assert view.known_in(part)
    assert not view.known_in(Box.whole(SHAPE))
    assert not view.shown.label[48:].any()
