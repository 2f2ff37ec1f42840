from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.geometry import Box
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.viewer.teacher.questions import (
    Question,
    Questions,
    middle,
    most_central_piece,
)
from napari_semiseg.viewer.teacher.teachers import Teacher

MODEL = Teacher(RunFolder(Path("runs/one")), lives=False)
RUN = Teacher(RunFolder(Path("runs/two")), lives=True)
VIEW = Box((0, 0), (100, 100))

boxes = st.builds(
    Box,
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
)


def question(box: Box = VIEW, teacher: Teacher = MODEL, step: int | None = None):
    return Question("cells", box, teacher, step, since=0.0)


def mask(box: Box) -> np.ndarray:
    drawn = np.zeros((40, 40), bool)
    drawn[box.slices] = True
    return drawn


@given(boxes, st.lists(boxes, max_size=5))
def test_unseen_pixels_are_those_that_nobody_has_seen(
    wanted: Box, seen: list[Box]
) -> None:
    questions = Questions()
    left = mask(wanted)
    for box in seen:
        questions.note_seen(question(), box)
        left &= ~mask(box)

    found = questions.unseen("cells", MODEL, wanted)

    assert found.empty == (not left.any())
    assert left[found.slices].all()


def test_what_another_model_saw_or_in_another_image_does_not_count() -> None:
    questions = Questions()
    questions.note_seen(question(), VIEW)

    assert questions.unseen("cells", MODEL, VIEW).empty
    assert questions.unseen("cells", RUN, VIEW) == VIEW
    assert questions.unseen("other", MODEL, VIEW) == VIEW


def test_a_run_that_has_learned_is_asked_anew_and_a_model_is_not() -> None:
    questions = Questions()
    questions.note_seen(question(teacher=RUN, step=3), VIEW)
    questions.note_seen(question(), VIEW)

    questions.forget_older(3)
    assert questions.unseen("cells", RUN, VIEW).empty

    questions.forget_older(4)
    assert questions.unseen("cells", RUN, VIEW) == VIEW
    assert questions.unseen("cells", MODEL, VIEW).empty


def test_only_the_newest_places_are_remembered() -> None:
    questions = Questions()
    for number in range(100):
        questions.note_seen(question(), Box((number, 0), (1, 1)))

    assert questions.unseen("cells", MODEL, Box((99, 0), (1, 1))).empty
    assert not questions.unseen("cells", MODEL, Box((0, 0), (1, 1))).empty


def test_an_answer_about_what_is_looked_at_is_worth_waiting_for() -> None:
    questions = Questions()
    questions.put("a", question(Box((0, 0), (10, 10))))

    assert questions.is_worth_waiting("cells", MODEL, Box((5, 5), (10, 10)))
    assert not questions.is_worth_waiting("cells", MODEL, Box((50, 50), (10, 10)))
    assert not questions.is_worth_waiting("cells", RUN, Box((5, 5), (10, 10)))


def test_a_run_is_never_asked_two_things_at_once() -> None:
    questions = Questions()
    questions.put("a", question(Box((0, 0), (10, 10)), RUN))

    assert questions.is_worth_waiting("cells", RUN, Box((50, 50), (10, 10)))


def test_a_silent_run_is_given_up_and_a_slow_server_is_not() -> None:
    questions = Questions()
    questions.put("run", question(teacher=RUN))
    questions.put("model", question())

    questions.forget_silent(now=59.0)
    assert questions.awaits("run")

    questions.forget_silent(now=61.0)
    assert not questions.awaits("run")
    assert questions.awaits("model")


def test_a_run_that_is_left_is_not_waited_for() -> None:
    questions = Questions()
    questions.put("run", question(teacher=RUN))
    questions.put("model", question())

    questions.forget_runs(RUN)
    assert questions.awaits("run")

    questions.forget_runs(MODEL)
    assert not questions.awaits("run")
    assert questions.awaits("model")


def test_an_answer_is_taken_once() -> None:
    questions = Questions()
    questions.put("a", question())

    assert questions.take("a") == question()
    assert not questions.waiting
    with pytest.raises(KeyError):
        questions.take("a")


def test_the_middle_is_cut_out_where_a_box_is_too_large() -> None:
    assert middle(Box((0, 10), (100, 20)), 50) == Box((25, 10), (50, 20))


@pytest.mark.parametrize(
    ("box", "piece"),
    [
        (Box((0, 0), (100, 100)), Box((0, 0), (100, 100))),
        (Box((5, 0), (150, 100)), Box((5, 0), (75, 100))),
        (Box((0, 0), (300, 100)), Box((100, 0), (100, 100))),
    ],
)
def test_pieces_are_equal_and_the_first_is_central(box: Box, piece: Box) -> None:
    assert most_central_piece(box, 100) == piece


@given(boxes, st.integers(7, 12))
def test_piece_after_piece_covers_the_box_once(box: Box, side: int) -> None:
    questions = Questions()
    covered = np.zeros((40, 40), int)
    for _ in range(9):  # Of 20 pixels, pieces of 7 make three.
        rest = questions.unseen("cells", MODEL, box)
        if not rest.empty:
            piece = most_central_piece(rest, side)
            assert max(piece.size) <= side
            questions.note_seen(question(), piece)
            covered[piece.slices] += 1

    assert questions.unseen("cells", MODEL, box).empty
    assert (covered == mask(box)).all()
