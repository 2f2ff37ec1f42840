"""Layers whose tools rest while another tool is in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_RESTING = "pan_zoom"  # The tool of a layer that does nothing on a click.


class Resting:
    """Puts the tools of layers away, and gives them back."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._tools: list[tuple[Layer, str]] = []

    @property
    def disturbed(self) -> bool:
        """Whether the layer that is selected has a tool in hand."""
        active = self._viewer.layers.selection.active
        return str(getattr(active, "mode", _RESTING)) != _RESTING

    def rest(self) -> None:
        """Put the tool of the layer that is selected away."""
        layer = self._viewer.layers.selection.active
        if layer is not None and self.disturbed:
            self._tools.append((layer, str(layer.mode)))
            layer.mode = _RESTING

    def wake(self) -> None:
        """Give all tools back, but where another one was taken meanwhile."""
        tools, self._tools = self._tools, []
        for layer, mode in reversed(tools):
            here = layer in self._viewer.layers and str(layer.mode) == _RESTING
            if here and layer.editable:
                layer.mode = mode

    def forget(self) -> None:
        """Leave the tools as they are."""
        self._tools = []
