"""Making the layers of what a teacher sees, and writing a part of one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from napari.layers import Image, Labels

from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.colours import class_colours, object_colours, trust_colours
from napari_semiseg.viewer.own_layers import mark, use_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.viewer.teacher.painting import Layer as Painted

Plane: TypeAlias = Literal["instances", "label", "trusted", "owners"]
"""Planes of `Shown`, each with a layer of its own."""

NAMES: dict[Plane, str] = {
    "instances": "instances",
    "label": "pseudo-labels",
    "trusted": "confidence mask",
    "owners": "owner",
}
"""What the layers are called; also what their marks say."""
CONFIDENCE = "confidence"
EDITABLE: tuple[Painted, ...] = ("instances", "label", "trusted")
"""The planes that can be painted on."""

_OPACITY = {"instances": 0.5, "label": 0.5, "trusted": 0.35, "owners": 0.5}
_ON_TOP = ("tiles", "annotation", "differences")  # Uses of layers that lie above these.
_FEW = 32_768  # Pixels up to which writing them one by one is the faster way.


def make_labels(
    plane: Plane,
    array: NDArray[np.integer[Any]],
    name: str,
    about: str,
    n_classes: int,
    *,
    visible: bool,
) -> Labels:
    """The layer of a plane; it keeps the array, and says in its metadata what it is."""
    colours: dict[Plane, Callable[[], Any]] = {
        "instances": object_colours,
        "label": partial(class_colours, n_classes),
        "trusted": trust_colours,
        "owners": partial(class_colours, len(Owner)),
    }
    layer = Labels(
        array,
        name=name,
        opacity=_OPACITY[plane],
        colormap=colours[plane](),
        visible=visible,
        metadata={"about": about},
    )
    mark(layer, NAMES[plane])
    return layer


def make_confidence(confidence: NDArray[np.float32]) -> Image:
    """The layer of confidence, float32 ``(Y, X)``, 0 to 1."""
    layer = Image(
        confidence,
        name=CONFIDENCE,
        contrast_limits=(0, 1),
        colormap="viridis",
        blending="additive",
        opacity=0.4,
    )
    mark(layer, CONFIDENCE)
    return layer


def insert_low(viewer: Viewer, layer: Labels | Image) -> None:
    """Put a layer under those of the tile in hand; the selection stays."""
    layers = viewer.layers
    selected, active = set(layers.selection), layers.selection.active
    above = [n for n, found in enumerate(layers) if use_of(found) in _ON_TOP]
    layers.insert(min(above, default=len(layers)), layer)
    if selected:
        layers.selection = selected
        layers.selection.active = active


def write_box(
    layer: Labels, new: NDArray[np.integer[Any]], here: tuple[slice, ...]
) -> None:
    """Write a box of a layer, and draw what changed."""
    different = layer.data[here] != new
    n_different = np.count_nonzero(different)
    if not n_different:
        return
    if layer.visible and n_different <= _FEW:
        changed = np.nonzero(different)
        where = tuple(
            index + cut.start for index, cut in zip(changed, here, strict=True)
        )
        layer.data_setitem(where, new[changed])
        return
    layer.data[here] = new
    layer.refresh(highlight=False, extent=False)
