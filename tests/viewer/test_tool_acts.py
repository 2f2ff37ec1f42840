"""Tools on what a teacher sees, in any order: what they keep, what undo gives back."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from teacher_scenes import DISCS, SHAPE, answer, make_view, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile
from napari_semiseg.viewer.teacher.teacher_planes import Answer
from napari_semiseg.viewer.tools import object_tools
from napari_semiseg.viewer.tools.grounds import ModelGround
from napari_semiseg.viewer.tools.object_tools import NothingDone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.viewer.teacher.object_edits import ObjectEdit
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView

OTHERS = ((22, 22, 10), (20, 58, 7), (60, 46, 12), (40, 100, 9))


class Acts:
    """Edits a view, as the acts of a person do."""

    def __init__(self, view: TeacherView) -> None:
        self._view = view

    def edit(self, edits: Sequence[ObjectEdit]) -> bool:
        return self._view.edit(list(edits)).box is not None


def ground(view: TeacherView) -> ModelGround:
    selection = SimpleNamespace(active=None)

    class Layers(list[Any]):
        pass

    layers = Layers()
    layers.selection = selection  # type: ignore[attr-defined]
    viewer: Any = SimpleNamespace(layers=layers)
    return ModelGround(Acts(view), view, viewer)  # type: ignore[arg-type]


places = st.sampled_from([d[:2] for d in (*DISCS, *OTHERS)] + [(5, 5), (20, 40)])
points = st.tuples(st.floats(-3, SHAPE[0] + 3), st.floats(-3, SHAPE[1] + 3))


def _at(act: Callable[..., str]) -> Any:
    return places.map(lambda pixel: lambda g: act(g, pixel))


def _merge(pair: tuple[Any, Any]) -> Callable[[ModelGround], str]:
    def act(g: ModelGround) -> str:
        kept, joined = (object_tools.object_at(g, pixel) for pixel in pair)
        if not kept or not joined:
            raise NothingDone("")
        return object_tools.join(g, kept, joined)

    return act


acts = st.one_of(
    _at(object_tools.enlarge),
    _at(object_tools.reduce),
    _at(object_tools.remove),
    _at(object_tools.take_apart),
    places.map(lambda p: lambda g: object_tools.fill(g, p, all_of_them=False)),
    st.tuples(points, points).map(lambda ab: lambda g: object_tools.cut(g, *ab)),
    st.tuples(points, points).map(lambda ab: lambda g: object_tools.clear(g, *ab)),
    st.tuples(places, places).map(_merge),
)


def use(view: TeacherView, act: Callable[[ModelGround], str]) -> bool:
    try:
        act(ground(view))
    except NothingDone:
        return False
    return True


def tile() -> FinishedTile:
    """A finished tile with an object whose number elsewhere nothing has."""
    labels = np.zeros((20, 30), np.int32)
    labels[5:15, 5:25] = 900
    box = Box((30, 90), (20, 30))
    return FinishedTile(box, labels, {900: 1}, places={900: box})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(acts, min_size=1, max_size=6), st.booleans())
def test_any_acts_are_kept_by_answers_and_taken_back_step_by_step(
    sequence: list[Any], with_tile: bool
) -> None:
    view = make_view(tiles=[tile()] if with_tile else [], first=1000)
    see(view, answer())
    before = view.shown.instances.copy()
    n_done = 0
    for act in sequence:
        ids = view.shown.instances.copy()
        if use(view, act):
            n_done += 1
        else:
            assert np.array_equal(view.shown.instances, ids)
    claimed = view.human.claimed(view.window)
    mine = view.shown.instances.copy()

    see(view, answer(discs=OTHERS))

    assert np.array_equal(view.shown.instances[claimed], mine[claimed])
    see(view, answer())
    for _ in range(n_done):
        assert view.undo() is not None
    assert view.undo() is None
    assert np.array_equal(view.shown.instances > 0, before > 0)
    assert (view.human.own.owners == Owner.NOBODY).all()
    assert not view.human.objects
    for _ in range(n_done):
        assert view.redo() is not None
    assert np.array_equal(view.shown.instances[claimed], mine[claimed])


def test_growing_stops_at_a_finished_tile_and_shrinking_does_not_leave_it() -> None:
    view = make_view(tiles=[tile()], first=1000)
    see(view, answer(discs=((40, 80, 9),)))  # Its rim is at the tile's.
    number = int(view.shown.instances[40, 80])
    inside = view.human.tiles[0].instances.copy()
    for _ in range(3):
        assert use(view, lambda g: object_tools.enlarge(g, (40, 80)))
    assert view.shown.instances[40, 89] == number
    assert np.array_equal(view.human.tiles[0].instances, inside)
    assert use(view, lambda g: object_tools.reduce(g, (40, 80)))
    assert view.shown.instances[40, 89] == number
    assert use(view, lambda g: object_tools.enlarge(g, (40, 100)))
    assert (view.human.tiles[0].instances == 900).sum() > (inside == 900).sum()


def test_the_pieces_of_an_object_are_of_its_kind() -> None:
    view = make_view()
    kind = np.ones(SHAPE, np.uint8)
    kind[:, 40:] = 2
    found = answer()
    see(view, Answer(*_fields(found), kind=kind))
    assert use(view, lambda g: object_tools.cut(g, (5, 60), (35, 60)))
    halves = {int(view.shown.instances[20, x]) for x in (55, 66)}
    assert len(halves) == 2
    assert {view.human.objects[n].class_id for n in halves} == {2}


def _fields(found: Answer) -> tuple[Any, ...]:
    return (found.box, found.probability, found.label, found.confidence, found.selected)


@pytest.mark.slow
def test_acts_on_a_large_image_take_no_time() -> None:
    side, size = 37, 2048
    shape = (size, size)
    probability = np.full((3, *shape), 0.05, np.float32)
    probability[0] = 0.9
    round_, core = (np.hypot(*np.ogrid[-16:17, -16:17]) <= r for r in (15, 13))
    for y in range(20, size - 18, side):
        for x in range(20, size - 18, side):
            part = probability[:, y - 16 : y + 17, x - 16 : x + 17]
            part[:, round_] = [[0.1], [0.2], [0.7]]
            part[:, core] = [[0.05], [0.9], [0.05]]
    view = make_view(shape=shape)
    label = probability.argmax(0).astype(np.uint8)
    confidence = probability.max(0)
    see(
        view,
        Answer(Box.whole(shape), probability, label, confidence, confidence > 0.8),
    )

    def seconds(act: Callable[[ModelGround], str]) -> float:
        """Of the processor, as other processes may be at work."""
        found = []
        for _ in range(3):
            began = time.process_time()
            assert use(view, act)
            found.append(time.process_time() - began)
            view.undo()
        return min(found)

    here = (20 + side, 20 + side)
    for act in (
        lambda g: object_tools.cut(g, (0, here[1]), (2 * side, here[1])),
        lambda g: object_tools.remove(g, here),
        lambda g: object_tools.enlarge(g, here),
        lambda g: object_tools.reduce(g, here),
        lambda g: object_tools.clear(g, (100, 100), (400, 400)),
    ):
        assert seconds(act) < 0.1
