"""Where the pixels of the image in view lie in the world of the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Placement:
    """Scale and translation of the image layer, and its working pixels.

    Attributes
    ----------
    scale, translate
        Of the image layer, (y, x): world units a full pixel, world of its first pixel.
    reduction
        Full pixels along each side of a working pixel.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    translate: tuple[float, float] = (0.0, 0.0)
    reduction: int = 1

    def at(self, box: Box) -> dict[str, Any]:
        """``scale`` and ``translate`` of a layer whose array covers ``box``."""
        pairs = zip(self.scale, self._first(), box.origin, strict=True)
        return {
            "scale": self._pixel(),
            "translate": tuple(first + o * s * self.reduction for s, first, o in pairs),
        }

    def to_pixel(self, world: Sequence[float]) -> tuple[float, float]:
        """Working pixel (y, x), fractional, of a place in the world."""
        y, x = (
            (w - first) / pixel
            for w, first, pixel in zip(
                list(world)[-2:], self._first(), self._pixel(), strict=True
            )
        )
        return y, x

    def to_world(self, pixel: Sequence[float]) -> tuple[float, float]:
        """Place in the world of a working pixel (y, x)."""
        y, x = (
            first + p * size
            for p, first, size in zip(pixel, self._first(), self._pixel(), strict=True)
        )
        return y, x

    def _pixel(self) -> tuple[float, float]:
        return self.scale[0] * self.reduction, self.scale[1] * self.reduction

    def _first(self) -> tuple[float, float]:
        """World of the centre of the first working pixel."""
        half = (self.reduction - 1) / 2
        (sy, sx), (ty, tx) = self.scale, self.translate
        return ty + half * sy, tx + half * sx


def visible_box(
    centre: Sequence[float],
    zoom: float,
    canvas: tuple[int, int],
    placement: Placement,
    shape: tuple[int, int],
) -> Box:
    """The pixels in view.

    Parameters
    ----------
    centre
        Of the camera, in the world.
    zoom
        Screen pixels a unit of the world.
    canvas
        Height and width of the canvas in screen pixels.
    placement, shape
        Of the image, in working pixels.

    Returns
    -------
    Box
        Inside the image; empty when the image is out of sight.
    """
    half = np.array(canvas, float) / max(zoom, 1e-9) / 2
    middle = np.array(list(centre)[-2:], float)
    low = placement.to_pixel((middle - half).tolist())
    high = placement.to_pixel((middle + half).tolist())
    origin = tuple(int(np.floor(min(pair))) for pair in zip(low, high, strict=True))
    end = tuple(int(np.ceil(max(pair))) + 1 for pair in zip(low, high, strict=True))
    size = tuple(e - o for e, o in zip(end, origin, strict=True))
    return Box(origin, size).clip(shape)
