"""The tools that correct objects, with what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_semiseg.viewer.tools.rubber import Form


@dataclass(frozen=True)
class Tool:
    """A tool of the grid.

    Attributes
    ----------
    text
        On its button.
    tip
        What it does, in a sentence or two.
    hint
        What to do now, while it is in hand; empty: it is a brush of the layer.
    form
        What a drag draws; None: it works by clicks alone.
    """

    text: str
    tip: str
    hint: str = ""
    form: Form | None = None


# By the names of their keys: each row of three is one of the grid.
TOOLS: dict[str, Tool] = {
    "new id": Tool("New object", "Paint the next object."),
    "split": Tool(
        "Split",
        "Drag a line across objects: each one that it crosses from side to side is cut "
        "there. Or click an object whose pieces lie apart.",
        "Split: drag a line across objects, or click one whose pieces lie apart.",
        "line",
    ),
    "grow": Tool(
        "Grow",
        "Make objects one pixel larger: press the key over one, or press this button "
        "and click them. It never takes pixels of other objects of yours.",
        "Grow: click objects; each click adds a pixel all around.",
    ),
    "background brush": Tool(
        "Background",
        "Paint where there is no object: in the image it stays so, whatever the model "
        "finds. In a tile it erases. Press again to paint objects.",
    ),
    "merge": Tool(
        "Merge",
        "Click two objects that are one, or drag from one to the other. The first one "
        "gives the number.",
        "Merge: click an object, then the one that belongs to it.",
        "line",
    ),
    "shrink": Tool(
        "Shrink",
        "Make objects one pixel smaller, down to the last: press the key over one, or "
        "press this button and click them.",
        "Shrink: click objects; each click takes a pixel all around.",
    ),
    "ignore": Tool(
        "Ignore",
        "Paint over what nobody can tell; nothing is learned from it. Press again to "
        "paint objects.",
    ),
    "erase": Tool(
        "Erase",
        "Drag a rectangle: objects that lie in it by more than half become background. "
        "Or click one.",
        "Erase: drag a rectangle around objects, or click one.",
        "box",
    ),
    "fill holes": Tool(
        "Fill holes",
        "Fill the holes of objects: press the key over one or in its hole, or press "
        "this button and click. Beside all objects of a tile, it fills those of all.",
        "Fill holes: click objects or their holes.",
    ),
}
BRUSHES = ("new id", "background brush", "ignore")
OF_CLASSES = ("background brush", "ignore")
"""Tools that mean something where labels are classes, not objects."""
