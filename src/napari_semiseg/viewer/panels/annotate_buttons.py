"""The buttons of the annotate step, with what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.widgets.buttons import button

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QPushButton

    from napari_semiseg.viewer.tiles.annotating import Annotating
    from napari_semiseg.viewer.tiles.label_tools import LabelTools
    from napari_semiseg.viewer.tiles.tiles_layer import TilesLayer

    Table = dict[str, tuple[str, str, Callable[[], object]]]


def fill_button(tools: LabelTools) -> QPushButton:
    """The button that fills the tile in hand with what the model finds."""
    table: Table = {
        "fill": (
            "Fill from model",
            "Put the objects that the model finds where nothing is painted, then "
            "correct them.",
            tools.fill,
        ),
    }
    return _made(table)["fill"]


def tile_buttons(annotating: Annotating, tiles: TilesLayer) -> dict[str, QPushButton]:
    """Buttons for tiles as a whole, by the names of their keys where they have one."""
    states = annotating.states
    table: Table = {
        "done": (
            "Done",
            "Every object in this tile is outlined: the model may learn from it.",
            states.done,
        ),
        "no objects": (
            "No objects",
            "There is nothing in this tile: the model learns that, too.",
            states.no_objects,
        ),
        "validation": (
            "Validation",
            "Done, but kept from training to measure how good the model is.",
            states.validation,
        ),
        "to do": (
            "Not done",
            "Mark the tile as to do: the model does not learn from it.",
            states.to_do,
        ),
        "previous tile": ("Back", "Go to the tile before.", annotating.go_back),
        "next tile": ("Next", "Go to the next tile.", annotating.go_next),
        "remove": ("Remove", "Remove the tile with its labels.", states.remove),
        "draw": (
            "Draw a tile",
            "Drag a rectangle in the image; it becomes a tile to do.",
            tiles.start_drawing,
        ),
    }
    return _made(table)


def _made(table: Table) -> dict[str, QPushButton]:
    return {
        name: button(
            text, tip, on_click, key=KEYS[name].shown if name in KEYS else None
        )
        for name, (text, tip, on_click) in table.items()
    }
