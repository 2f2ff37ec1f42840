from __future__ import annotations

import numpy as np

from napari_semiseg.viewer.colours import N_COLOURS
from napari_semiseg.viewer.tiles.label_edits import fill_unlabelled, separated


def grid(text: str) -> np.ndarray:
    rows = [line.split() for line in text.strip().splitlines()]
    return np.array(rows).astype(np.int32)


def test_filling_leaves_what_is_painted_and_what_was_looked_at() -> None:
    labels = grid("""
        3 3 0 0 0 0
        3 3 0 0 0 0
        0 0 0 0 0 -1
    """)
    proposal = grid("""
        5 5 0 7 7 7
        5 5 0 7 7 7
        0 9 9 0 0 7
    """)
    looked_at = np.zeros(labels.shape, bool)
    looked_at[2, :2] = True

    filled = fill_unlabelled(labels, proposal, looked_at)

    # 5 lies under 3; of 9 half is lost, of 7 one pixel.
    assert (
        filled.tolist()
        == grid("""
        3 3 0 4 4 4
        3 3 0 4 4 4
        0 0 0 0 0 -1
    """).tolist()
    )
    half = fill_unlabelled(labels, proposal, looked_at, overlap=0.5)
    assert half[2].tolist() == [0, 0, 5, 0, 0, -1]
    assert filled.dtype == np.int32


def test_new_numbers_skip_the_colour_of_ignore() -> None:
    labels = np.zeros((1, 8), np.int32)
    labels[0, 0] = N_COLOURS - 2
    proposal = np.zeros_like(labels)
    proposal[0, 2], proposal[0, 4] = 1, 2

    filled = fill_unlabelled(labels, proposal, np.zeros(labels.shape, bool))

    assert filled[0, [0, 2, 4]].tolist() == [N_COLOURS - 2, N_COLOURS, N_COLOURS + 1]


def test_separating_names_the_numbers_that_had_several_pieces() -> None:
    labels = grid("""
        1 0 1 0 3 3
        0 0 0 0 0 0
        2 2 0 1 -1 0
    """)

    pieces, several = separated(labels)

    assert several == (1,)
    assert len(np.unique(pieces[pieces > 0])) == 4 + 1
    assert (pieces < 0).sum() == 1
    again, none = separated(pieces)
    assert none == ()
    assert np.array_equal(again, pieces)
