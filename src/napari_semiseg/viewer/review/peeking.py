"""Hiding what the dock draws, to see what is under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.viewer.images.image_view import IMAGE
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.teacher.layer_making import CONFIDENCE, NAMES

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_semiseg.viewer.desk import Desk

_TEACHER = {*NAMES.values(), CONFIDENCE}


class Peeking:
    """Hides layers of the dock and shows those again that were visible."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hidden: list[Layer] = []
        self._peeked: list[Layer] = []

    def toggle(self) -> None:
        """Hide the layers of the model, or show those that were hidden."""
        visible = [layer for layer in self._own(_TEACHER) if layer.visible]
        if visible:
            self._hidden = visible
            _show(visible, False)
            return
        hidden, self._hidden = self._hidden, []
        _show([layer for layer in hidden if self._is_there(layer)], True)
        if not any(layer.visible for layer in self._own(_TEACHER)):
            self._desk.teacher.show_layers()

    def peek(self) -> None:
        """Show the bare image: hide all layers of the dock but the image's."""
        self.unpeek()
        self._peeked = [layer for layer in self._own() if layer.visible]
        _show(self._peeked, False)

    def unpeek(self) -> None:
        """Show again what was hidden to peek."""
        peeked, self._peeked = self._peeked, []
        _show([layer for layer in peeked if self._is_there(layer)], True)

    def _own(self, uses: set[str] | None = None) -> list[Layer]:
        found = [(layer, use_of(layer)) for layer in self._desk.viewer.layers]
        return [
            layer
            for layer, use in found
            if use not in (None, IMAGE) and (uses is None or use in uses)
        ]

    def _is_there(self, layer: Layer) -> bool:
        return layer in self._desk.viewer.layers


def _show(layers: list[Layer], on: bool) -> None:
    for layer in layers:
        layer.visible = on
