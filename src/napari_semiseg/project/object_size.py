"""How large the objects of a project are, and the tiles that suit them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.segmentation.blob_size import blob_diameter
from napari_semiseg.segmentation.texture import texture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.project.project import Project

Confidence = Literal["measured", "estimated", "unsure"]

DEFAULT_TILE_SIZE = 128
SMALLEST_TILE, LARGEST_TILE, _TILE_STEP = 64, 512, 32
_OBJECTS_ACROSS = 6  # Estimates tend to be a fifth too wide: rather five.
_REDUCED_ACROSS = 4  # At the reduced scale that is offered.
_MOST_IMAGES = 12
_PART = 1024  # px; of larger images, a part.
_FEWEST_LABELLED = 3
_FINEST = 10.0  # px; what is finer may be texture inside the objects.
_AGREEMENT = 2.5  # Images whose sizes differ by more leave us unsure.


@dataclass(frozen=True)
class ObjectSize:
    """How wide objects are, in (working) pixels.

    Attributes
    ----------
    diameter
        Of a disc as large as the typical object; None when nothing can be said.
    confidence
        ``measured`` on labelled objects, ``estimated`` from pixels, or ``unsure``.
    widest
        Side of the box around the widest labelled object; None without labels.
    """

    diameter: float | None
    confidence: Confidence
    widest: float | None = None

    @property
    def words(self) -> str:
        """The size as a phrase: "objects are about 21 px wide (estimated)"."""
        if self.diameter is None:
            return "the size of the objects is not known yet"
        return f"objects are about {self.diameter:.0f} px wide ({self.confidence})"


@dataclass(frozen=True)
class SizeWarning:
    """Objects are too large for their tiles.

    ``reduction`` is the scale to offer, for `Project.set_reduction`; ``sentence`` says
    it to the user.
    """

    sentence: str
    reduction: int


def estimate_object_size(project: Project) -> ObjectSize:
    """Size of a project's objects: from labels if there are some, else from pixels.

    Of at most a dozen images of the pool, read in part where they are large.
    """
    labelled = list(_labelled_objects(project))
    widest = max((width for _, width, _ in labelled), default=None)
    whole = [diameter for diameter, _, cut in labelled if not cut]
    if len(whole) >= _FEWEST_LABELLED:
        return ObjectSize(float(np.median(whole)), "measured", widest)
    guess = size_in_sources(_sources(project))
    return ObjectSize(guess.diameter, guess.confidence, widest)


def size_in_sources(sources: Iterable[ImageSource]) -> ObjectSize:
    """Size of objects nobody has labelled yet, in normalised images."""
    found = [
        diameter
        for source in sources
        if (diameter := blob_diameter(_richest_part(source))) is not None
    ]
    if not found:
        return ObjectSize(None, "unsure")
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    sure = middle >= _FINEST and high <= _AGREEMENT * low
    return ObjectSize(float(middle), "estimated" if sure else "unsure")


def suggest_tile_size(size: ObjectSize | float | None) -> int:
    """Side of tiles that hold five or six objects across, a multiple of 32.

    Parameters
    ----------
    size
        Of the objects; 128 comes back when we are unsure of it.
    """
    if isinstance(size, ObjectSize):
        size = None if size.confidence == "unsure" else size.diameter
    if size is None:
        return DEFAULT_TILE_SIZE
    side = round(_OBJECTS_ACROSS * size / _TILE_STEP) * _TILE_STEP
    return min(max(side, SMALLEST_TILE), LARGEST_TILE)


def size_warning(
    size: ObjectSize, tile_size: int, present: int = 1
) -> SizeWarning | None:
    """Warn of objects that are wider than half a tile; None if all is well.

    Estimates of which we are unsure warn of nothing; labelled objects always do.

    Parameters
    ----------
    size
        In working pixels of the present scale.
    tile_size
        Side of the tiles.
    present
        The reduction there is now.
    """
    sure = size.diameter if size.confidence != "unsure" else None
    widths = [width for width in (sure, size.widest) if width is not None]
    widest = max(widths, default=0.0)
    if 2 * widest <= tile_size:
        return None
    typical = max(sure or widest, widest / 2)
    reduction = present * max(2, math.ceil(_REDUCED_ACROSS * typical / tile_size))
    return SizeWarning(
        f"Some objects are about {widest:.0f} px wide, more than half a tile of "
        f"{tile_size} px: a tile would show parts of objects only. Work at a scale "
        f"reduced {reduction} times, or choose larger tiles.",
        reduction,
    )


def _labelled_objects(project: Project) -> Iterator[tuple[float, float, bool]]:
    """Diameter, width, and whether the tile's border cuts it, of labelled objects."""
    store = AnnotationStore(project)
    for item in project.images:
        for tile in store.tiles(item):
            instances = store.load(item, tile.box).instances
            yield from _measured(np.maximum(instances, 0))


def _measured(instances: NDArray[np.int32]) -> Iterator[tuple[float, float, bool]]:
    for number, place in enumerate(scipy.ndimage.find_objects(instances), start=1):
        if place is None:
            continue
        n_pixels = np.count_nonzero(instances[place] == number)
        diameter = (
            2 * math.sqrt(n_pixels / math.pi)
            if instances.ndim == 2
            else (6 * n_pixels / math.pi) ** (1 / 3)
        )
        width = max(cut.stop - cut.start for cut in place)
        at_border = any(
            cut.start == 0 or cut.stop == length
            for cut, length in zip(place, instances.shape, strict=True)
        )
        yield diameter, float(width), at_border


def _sources(project: Project) -> Iterator[ImageSource]:
    """Some images of the pool, evenly among all; those that cannot be read left out."""
    pool = [item for item in project.images if item.role != "test"]
    step = max(1, math.ceil(len(pool) / _MOST_IMAGES))
    for item in pool[::step]:
        try:
            yield project.source(item)
        except SemisegError:
            continue


def _richest_part(source: ImageSource) -> NDArray[np.float32]:
    """The most contrasted of a few parts, or the whole, one channel ``(Y, X)``."""
    height, width = source.shape[-2:]
    side = (min(_PART, height), min(_PART, width))
    corners = {
        (round(y * (height - side[0])), round(x * (width - side[1])))
        for y, x in ((0.5, 0.5), (0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8))
    }
    parts = [_plane(source, corner, side) for corner in sorted(corners)]
    part = parts[0]
    if len(parts) > 1:
        part = max(parts, key=lambda pixels: texture(pixels).contrast)
    # The channel with the most in it: nuclei beside an empty marker.
    return max(part, key=lambda channel: float(channel.std()))


def _plane(
    source: ImageSource, corner: tuple[int, int], side: Sequence[int]
) -> NDArray[np.float32]:
    """A part of the image; of a volume, of the plane in the middle."""
    depth = source.shape[:-2]
    box = Box((*(n // 2 for n in depth), *corner), (*(1 for _ in depth), *side))
    pixels = source.read(box)
    plane: NDArray[np.float32] = pixels.reshape(pixels.shape[0], *side)
    return np.clip(plane, -0.5, 1.5)
