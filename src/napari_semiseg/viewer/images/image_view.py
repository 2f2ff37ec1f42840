"""The image in view: one layer a channel, whatever its size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_semiseg.exchange.pyramid import levels
from napari_semiseg.geometry import Box
from napari_semiseg.viewer.images.channel_level import ChannelLevel
from napari_semiseg.viewer.own_layers import mark, unmark
from napari_semiseg.viewer.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from napari_semiseg.exchange.images import LazyFrame
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk

IMAGE = "image"
_WHOLE = 4096  # Pixels a side up to which an image is read as a whole.
_CHANNEL_COLOURS = ("gray", "green", "magenta", "cyan", "yellow", "red", "blue")


class ImageView(QObject):
    """Shows one image of the project at a time, in layers that stay the user's.

    The layers keep their names' place, colours and visibility from image to image. An
    image that was open before it joined the project is shown in the layer it has.
    """

    shown = Signal()
    """The pixels of the image in view are on the screen."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._viewer = desk.viewer
        self._made: list[Image] = []
        self._adopted: dict[str, Image] = {}
        self._removing = False
        self._viewer.layers.events.removed.connect(self._on_removed)
        desk.session.project_changed.connect(self._on_project)

    @property
    def layers(self) -> tuple[Image, ...]:
        """The layers that show the image in view."""
        item = self._desk.session.item
        if item is None:
            return ()
        adopted = self._adopted.get(item.id)
        return tuple(self._made) if adopted is None else (adopted,)

    def show(self, item: ImageItem) -> None:
        """Put an image of the project in view; its pixels follow in the background."""
        session = self._desk.session
        here = session.item
        if here is not None and here.id == item.id and self.layers:
            if here.reduction != item.reduction:
                placement = replace(session.placement, reduction=item.reduction)
                session.show(item, placement)
            return
        adopted = self._adopted.get(item.id)
        if adopted is not None:
            self._clear()
            for image_id, layer in self._adopted.items():
                layer.visible = image_id == item.id
            session.show(item, placement_of(adopted, item))
            self.shown.emit()
            return
        project = session.opened
        self._desk.background.submit(
            lambda: planes(project.frame(item), item),
            lambda found: self._fill(item, found),
            self._refused,
            topic="image",
        )

    def show_next(self, step: int = 1) -> None:
        """Go on to the next image of the project, or back to the previous one."""
        session = self._desk.session
        if session.project is None or not session.project.images:
            return
        images = session.project.images
        ids = [item.id for item in images]
        start = -1 if step > 0 else 0
        here = start if session.item is None else ids.index(session.item.id)
        self.show(images[(here + step) % len(images)])

    def adopt(self, layer: Image, item: ImageItem) -> None:
        """Use a layer of the user's to show an image that it holds already."""
        mark(layer, IMAGE)
        self._watch(layer)
        self._adopted[item.id] = layer

    def close(self) -> None:
        """Remove the layers made here and let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._clear()
        self._release()

    def _fill(self, item: ImageItem, found: Sequence[_Plane]) -> None:
        session = self._desk.session
        if session.project is None:
            return
        before = session.item
        for layer in self._adopted.values():
            layer.visible = False
        self._write(item, found)
        # The user may have moved the layer, or told it the size of a pixel.
        session.show(item, placement_of(self._made[0], item))
        # From frame to frame the eye stays where it is; another image is seen whole.
        if before is None or before.path != item.path:
            self._viewer.reset_view()
        self.shown.emit()

    def _write(self, item: ImageItem, found: Sequence[_Plane]) -> None:
        fits = len(found) == len(self._made) and all(
            (layer.multiscale, layer.rgb) == (plane.multiscale, plane.rgb)
            for layer, plane in zip(self._made, found, strict=True)
        )
        if not fits:
            self._clear()
            self._made = [_layer(plane) for plane in found]
            for layer in self._made:
                self._watch(layer)
            selected = set(self._viewer.layers.selection)
            for layer in reversed(self._made):
                self._viewer.layers.insert(0, layer)
            if selected:
                self._viewer.layers.selection = selected
        else:
            for layer, plane in zip(self._made, found, strict=True):
                layer.data = plane.data
        for layer, plane in zip(self._made, found, strict=True):
            layer.name = plane.name
            if not plane.rgb:
                layer.contrast_limits_range = _wider(plane.limits)
                layer.contrast_limits = plane.limits

    def _refused(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)

    def _clear(self) -> None:
        self._removing = True
        try:
            for layer in self._made:
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        finally:
            self._removing = False
        self._made = []

    def _release(self) -> None:
        for layer in self._adopted.values():
            unmark(layer)
            for event in _movements(layer):
                event.disconnect(self._on_moved)
            layer.visible = True
        self._adopted = {}

    def _on_project(self) -> None:
        self._desk.background.forget("image")
        self._clear()
        self._release()

    def _watch(self, layer: Image) -> None:
        for event in _movements(layer):
            event.connect(self._on_moved)

    def _on_moved(self, event: Any) -> None:
        """Let all layers follow the image that the user moves."""
        item = self._desk.session.item
        if item is not None and event.source in self.layers[:1]:
            self._desk.session.place(placement_of(event.source, item))

    def _on_removed(self, event: Any) -> None:
        layer: Layer = event.value
        if self._removing or layer not in (*self._made, *self._adopted.values()):
            return
        in_view = layer in self.layers
        self._made = [one for one in self._made if one is not layer]
        self._adopted = {k: v for k, v in self._adopted.items() if v is not layer}
        if in_view and not self.layers:
            self._desk.session.show(None)
            self._desk.session.say(
                "The image was removed from the viewer. It is still in the project: "
                "click it in the list of images to show it again."
            )


def placement_of(layer: Image, item: ImageItem) -> Placement:
    """Where a layer of the user's shows the pixels of an image."""
    (sy, sx), (ty, tx) = layer.scale[-2:], layer.translate[-2:]
    return Placement((float(sy), float(sx)), (float(ty), float(tx)), item.reduction)


def _movements(layer: Image) -> tuple[Any, Any]:
    """The events of a layer that lies elsewhere now."""
    return layer.events.scale, layer.events.translate


class _Plane:
    """What one layer shows: data, or a pyramid of it, with name and contrast limits."""

    def __init__(
        self, data: Any, name: str, limits: tuple[float, float], colour: str, rgb: bool
    ) -> None:
        self.data, self.name, self.limits = data, name, limits
        self.colour, self.rgb = colour, rgb
        self.multiscale = isinstance(data, list)


def planes(frame: LazyFrame, item: ImageItem) -> list[_Plane]:
    """Read what is shown of an image: all of it, or the levels of a pyramid.

    Parameters
    ----------
    frame
        The pixels in full resolution.
    """
    rgb = is_colour(item)
    arrays: list[Any]
    if max(frame.shape) <= _WHOLE:
        pixels = frame.read(Box.whole(frame.shape))
        arrays = [np.moveaxis(pixels, 0, -1)] if rgb else list(pixels)
    else:
        pyramid = levels(frame)
        channels: list[int | None] = [None] if rgb else list(range(frame.n_channels))
        arrays = [[ChannelLevel(level, c) for level in pyramid] for c in channels]
    limits = [_limits(pair) for pair in zip(item.low, item.high, strict=True)]
    names = [item.name]
    if len(arrays) > 1:
        numbers = item.channels or range(len(arrays))
        names = [f"{item.name} channel {number}" for number in numbers]
    return [
        _Plane(array, name, limit, colour_of(n, len(arrays)), rgb)
        for n, (array, name, limit) in enumerate(
            zip(arrays, names, limits, strict=False)
        )
    ]


def is_colour(item: ImageItem) -> bool:
    """Whether the channels are red, green and blue."""
    samples = item.axes.endswith("S") and item.n_channels == 3
    return samples and item.channels in (None, (0, 1, 2))


def colour_of(number: int, count: int) -> str:
    """Name of the colormap of one channel among several."""
    if count == 1:
        return "gray"
    return _CHANNEL_COLOURS[1:][number % (len(_CHANNEL_COLOURS) - 1)]


def _layer(plane: _Plane) -> Image:
    look: dict[str, Any] = {"rgb": plane.rgb, "multiscale": plane.multiscale}
    if not plane.rgb:
        look |= {"colormap": plane.colour, "contrast_limits": plane.limits}
        if plane.colour != "gray":
            look["blending"] = "additive"
    layer = Image(plane.data, name=plane.name, **look)
    mark(layer, IMAGE)
    return layer


def _limits(pair: tuple[float, float]) -> tuple[float, float]:
    low, high = pair
    return (low, high) if high > low else (low, low + 1)


def _wider(limits: tuple[float, float]) -> tuple[float, float]:
    """Room to drag the contrast limits in: percentiles leave out the extremes."""
    low, high = limits
    return low - (high - low), high + 2 * (high - low)
