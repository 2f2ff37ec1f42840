"""Layers that the dock makes: filled in place, found by reference, never reordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.placement import Placement

# Not in the layer's metadata: those go into copies of it, which are the user's.
_USES: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()


def mark(layer: Layer, use: str) -> None:
    """Note what the dock uses a layer for."""
    _USES[layer] = use


def unmark(layer: Layer) -> None:
    """Leave a layer to the user."""
    _USES.pop(layer, None)


def use_of(layer: Layer) -> str | None:
    """What the dock uses a layer for; None for a layer of the user's."""
    return _USES.get(layer)


def add_behind_selection(viewer: Viewer, layer: Layer) -> None:
    """Add a layer and leave the user's selection as it was."""
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    viewer.add_layer(layer)
    if selected:
        viewer.layers.selection = selected
        viewer.layers.selection.active = active


def put(
    layer: Labels,
    array: NDArray[np.integer[Any]],
    placement: Placement,
    box: Box,
    *,
    editable: bool,
    forget_undo: bool = False,
) -> None:
    """Replace the pixels of a Labels layer; its tool and visibility stay.

    Parameters
    ----------
    array
        Of the size of ``box``; the layer keeps it and paints into it.
    editable
        napari makes a layer editable whenever its data is set.
    forget_undo
        Empty the history: its steps would write old pixels into the new array.
    """
    mode = layer.mode
    if forget_undo:
        layer.editable = False
    if layer.data is not array:
        layer.data = array
    for name, value in placement.at(box).items():
        if tuple(getattr(layer, name)) != tuple(value):
            setattr(layer, name, value)
    if layer.editable != editable:
        layer.editable = editable
    if editable and layer.mode != mode:
        layer.mode = mode
