"""Brushes for the next object, for background and for what is to be ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from qtpy.QtCore import QObject

from napari_semiseg.viewer.tiles.annotation_layer import DRAWING, IGNORE
from napari_semiseg.viewer.tools.background_path import BackgroundPath
from napari_semiseg.viewer.tools.grounds import instances_layer

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk

Home: TypeAlias = Literal["tile", "model"]
"""Whether the labels of the tile in hand are meant, or the objects of the image."""

BACKGROUND = 0


class Brushes(QObject):
    """Puts a brush into the hand: on the layer annotation, or on instances."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._path = BackgroundPath(desk, self)

    def take(self, name: str, home: Home | None = None) -> None:
        """Take a brush.

        Parameters
        ----------
        name
            One of `tool_words.BRUSHES`. Of background or ignore for the second time:
            back to objects.
        home
            Where; None: on instances if that layer is selected or no tile is in hand.
        """
        tools = self._desk.annotating.tools
        if tools.semantic and name == "background brush":
            self._desk.palette.choose(BACKGROUND)
        elif tools.semantic or (home or self._home()) == "tile":
            act = {
                "new id": tools.new_id,
                "background brush": tools.background,
                "ignore": tools.ignore,
            }
            act[name]()
        else:
            self._take_on_model(name)

    def close(self) -> None:
        """Let go of the viewer."""
        self._path.close()

    def _home(self) -> Home:
        active = self._desk.viewer.layers.selection.active
        if active is not None and active is instances_layer(self._desk.viewer):
            return "model"
        in_hand = self._desk.annotating.place is not None
        return "tile" if in_hand or not self._desk.teacher.ready else "model"

    def _take_on_model(self, name: str) -> None:
        desk = self._desk
        view = desk.teacher.acts.view
        if view is None or not desk.session.writable:
            reason = desk.session.read_only or "Choose an image in step 1 first."
            desk.session.say(reason, problem=True)
            return
        if instances_layer(desk.viewer) is None:
            desk.teacher.show_layers()
        layer = instances_layer(desk.viewer)
        if layer is None:
            return
        desk.viewer.layers.selection.active = layer
        layer.visible = True
        wanted = {"background brush": BACKGROUND, "ignore": IGNORE}.get(name)
        if wanted is None or layer.selected_label == wanted:
            wanted = view.fresh_id()
        layer.selected_label = wanted
        if layer.editable and str(layer.mode) not in DRAWING:
            layer.mode = "paint"
