"""The layers that show two rounds: made on demand, to look at only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtGui import QColor

from napari_semiseg.segmentation.changes import GAINED, LOST, MERGED, SPLIT
from napari_semiseg.viewer.colours import object_colours
from napari_semiseg.viewer.own_layers import mark, put
from napari_semiseg.viewer.teacher.layer_making import insert_low

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.placement import Placement

DIFFERENCES, OTHER_ROUND = "differences", "other round"
"""What the layers are called; also what their marks say."""
# Okabe and Ito: told apart by people who see no red or no green, on dark and on bright.
COLOURS = {
    "gained": (GAINED, "#009e73"),
    "lost": (LOST, "#d55e00"),
    "split": (SPLIT, "#e6b800"),
    "merged": (MERGED, "#cc79a7"),
}
"""Value and colour of each kind of change."""


class LookLayer:
    """A Labels layer that nobody paints on; who deletes it does not want it any more.

    Parameters
    ----------
    name
        Of the layer, and of its use.
    gone
        Called when the user has deleted it.
    """

    def __init__(
        self, viewer: Viewer, name: str, gone: Callable[[], None], **look: Any
    ) -> None:
        self._viewer = viewer
        self._name, self._gone, self._look = name, gone, look
        self._layer: Labels | None = None
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def visible(self) -> bool:
        """Whether it is there and can be seen."""
        return self._layer is not None and self._layer.visible

    def show(
        self, array: NDArray[np.integer[Any]], placement: Placement, box: Box
    ) -> None:
        """Show an array of a box of the image, over the teacher's layers."""
        if self._layer is None:
            self._layer = Labels(array, name=self._name, **self._look)
            mark(self._layer, self._name)
            put(self._layer, array, placement, box, editable=False)
            insert_low(self._viewer, self._layer)
        put(self._layer, array, placement, box, editable=False)

    def set_visible(self, on: bool) -> None:
        """Let it be seen, or not, if it is there."""
        if self._layer is not None:
            self._layer.visible = on

    def remove(self) -> None:
        """Remove it; it is made anew when something is to be shown."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Remove it and let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.remove()

    def _on_removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self._layer = None
            self._gone()


def differences_layer(viewer: Viewer, gone: Callable[[], None]) -> LookLayer:
    """Of outlines in the four colours of changes."""
    colours: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
    for value, colour in COLOURS.values():
        colours[value] = np.array(QColor(colour).getRgbF())
    look = {"colormap": DirectLabelColormap(color_dict=colours), "opacity": 1.0}
    return LookLayer(viewer, DIFFERENCES, gone, **look)


def other_round_layer(viewer: Viewer, gone: Callable[[], None]) -> LookLayer:
    """Of objects, as the layer of instances shows them."""
    look = {"colormap": object_colours(), "opacity": 0.5, "visible": False}
    return LookLayer(viewer, OTHER_ROUND, gone, **look)
