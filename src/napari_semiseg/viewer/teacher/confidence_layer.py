"""The napari layer of a teacher's confidence, there on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.viewer.teacher.layer_making import insert_low, make_confidence

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.placement import Placement


class ConfidenceLayer:
    """An Image layer to look at; who deletes it does not want it any more.

    Attributes
    ----------
    wanted
        Whether the user wants to see it.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Image | None = None
        self.wanted = False
        viewer.layers.events.removed.connect(self._on_removed)

    def show(
        self, confidence: NDArray[np.float32], placement: Placement, window: Box
    ) -> None:
        """Show an array of a window, float32 0 to 1, where it is wanted."""
        if not self.wanted:
            self.remove()
            return
        if self._layer is None:
            self._layer = make_confidence(confidence)
            insert_low(self._viewer, self._layer)
        else:
            self._layer.data = confidence
        for name, value in placement.at(window).items():
            setattr(self._layer, name, value)

    def blank(self) -> None:
        """Show nothing; the layer stays where it is wanted."""
        if not self.wanted:
            self.remove()
        elif self._layer is not None:  # Maybe others are being removed now.
            self._layer.data = np.zeros((1, 1), np.float32)

    def remove(self) -> None:
        """Remove the layer; it is made anew when it is shown again."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Remove the layer and let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.remove()

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._layer, self.wanted = None, False
