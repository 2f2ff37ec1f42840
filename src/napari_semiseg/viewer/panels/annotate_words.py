"""What the annotate step says about the tile in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.tiles.annotation_layer import IGNORE

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk

STATE_WORDS = {
    "to do": "to do",
    "training": "done",
    "validation": "done, for validation",
    "no objects": "done, no objects",
}
_IGNORING = "The brush paints what is to be ignored."


def where_words(desk: Desk) -> str:
    """Which tile is in hand, what is in it, and what to do next."""
    annotating, semantic = desk.annotating, desk.annotating.tools.semantic
    tile = annotating.tile
    if tile is None and desk.tiles.book.all():
        return "Click a tile to label it."
    if tile is None:
        what = "paint every class" if semantic else "outline every object"
        return f"Let the program suggest tiles, or draw one. Then {what} in each tile."
    state = STATE_WORDS[tile.state]
    if semantic:
        if tile.state == "no objects":
            state = "done, all background"
        return f"{tile.item.name}: {state}. {_class_words(desk)}"
    words = _brush_words(desk, tile.record.finished)
    n_objects = counted(annotating.n_objects, "object")
    return f"{tile.item.name}: {state}, {n_objects}. {words}"


def _brush_words(desk: Desk, finished: bool) -> str:
    number = desk.annotating.annotation.number
    if number == IGNORE:
        return _IGNORING
    if number == 0:
        return "The brush paints background: it erases objects."
    if not desk.annotating.n_objects and not finished:
        return (
            "Paint one object inside the frame, press N, paint the next one, until all "
            "are painted."
        )
    return f"The brush paints object {number}; N begins the next one."


def _class_words(desk: Desk) -> str:
    """How much of the tile is of which class."""
    annotation, palette = desk.annotating.annotation, desk.palette
    if annotation.number == IGNORE:
        return _IGNORING
    labels = annotation.labels
    counts = np.bincount(labels[labels > 0], minlength=len(palette.names) + 1)
    shares = [
        f"{palette.name(number)} {counts[number] / labels.size:.0%}"
        for number in range(1, len(palette.names) + 1)
        if counts[number]
    ]
    if not shares:
        return (
            "Choose a class and paint all of it inside the frame, then the next class. "
            "What is left bare is background."
        )
    return f"{', '.join(shares)}; the rest is background."
