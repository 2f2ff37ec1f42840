"""The canvas of the viewer: its size, and looking at a part of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.placement import visible_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Camera
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.placement import Placement

_UNKNOWN = (600, 800)


def camera_of(viewer: Viewer) -> Camera:
    """The camera, which newer versions of napari keep in the scene."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def canvas_size(viewer: Viewer) -> tuple[int, int]:
    """Height and width of the canvas in screen pixels."""
    canvas = getattr(viewer, "canvas", None)
    # Older versions of napari keep the size to themselves.
    size = getattr(viewer, "_canvas_size", _UNKNOWN) if canvas is None else canvas.size
    height, width = size
    return int(height), int(width)


def visible_part(viewer: Viewer, place: Placement, shape: tuple[int, ...]) -> Box:
    """What is on the screen of an image of this shape; may be empty."""
    camera, (height, width) = camera_of(viewer), shape[-2:]
    view = camera.center, camera.zoom, canvas_size(viewer)
    return visible_box(*view, place, (height, width))


def canvas_widget(viewer: Viewer) -> QWidget | None:
    """The widget that the canvas is drawn on; None where napari does not tell."""
    window = getattr(viewer.window, "_qt_viewer", None)
    native: QWidget | None = getattr(getattr(window, "canvas", None), "native", None)
    return native


def on_canvas(viewer: Viewer, world: Sequence[float]) -> tuple[float, float]:
    """Where a place in the world (y, x) lies on the canvas: (y, x), screen pixels."""
    camera = camera_of(viewer)
    middle = np.array(camera.center[-2:])
    half = np.array(canvas_size(viewer)) / 2
    y, x = (np.array(world) - middle) * camera.zoom + half
    return float(y), float(x)


def look_at(viewer: Viewer, placement: Placement, box: Box, share: float = 0.7) -> None:
    """Move the camera so that a box fills that share of the canvas."""
    low = np.array(placement.to_world([o - 0.5 for o in box.origin]))
    high = np.array(placement.to_world([e - 0.5 for e in box.end]))
    extent = np.maximum(np.abs(high - low), 1e-9)
    camera = camera_of(viewer)
    camera.center = tuple((low + high) / 2)
    camera.zoom = share * float(np.min(np.array(canvas_size(viewer)) / extent))
