"""Instances from the probabilities of background, interior and boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.segmentation.components import drop_small, label, renumber
from napari_semiseg.segmentation.flooding import flood

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Floats: TypeAlias = NDArray[np.floating[Any]]
    Mask: TypeAlias = NDArray[np.bool_]

Form: TypeAlias = Literal["components", "mahotas"]
"""How to flood: component by component, or as mahotas does it (preset `paper`)."""

_ROUNDING = 1e-3  # Blended softmax outputs may leave [0, 1] by this much at most.


@dataclass(frozen=True)
class Thresholds:
    """Where the foreground begins, and where its seeds.

    Attributes
    ----------
    foreground
        A pixel is foreground when 1 - p(background) is above this, in [0, 1].
    seed
        A pixel belongs to a seed when p(interior) is above this, in [0, 1].

    Raises
    ------
    SemisegError
        When a threshold lies outside [0, 1].
    """

    foreground: float = 0.5
    seed: float = 0.5

    def __post_init__(self) -> None:
        for name in ("foreground", "seed"):
            if not 0 <= getattr(self, name) <= 1:
                raise SemisegError(
                    f"The {name} threshold is {getattr(self, name)}; "
                    "choose a value between 0 and 1."
                )


def instances_from_probability(
    probability: Floats,
    thresholds: Thresholds,
    *,
    min_size: int = 0,
    keep_unseeded: bool = False,
    form: Form = "components",
) -> Labels:
    """Objects from the probabilities of background, interior and boundary.

    Foreground is where 1 - p(background) exceeds its threshold; seeds are the connected
    pieces of p(interior) above theirs; the relief 1 - p(interior) is flooded from the
    seeds. Everything is connected by faces (4 neighbours in 2-D, 6 in 3-D).

    Parameters
    ----------
    probability
        ``(3, *S)``, softmax outputs (not logits): background, interior, boundary.
    thresholds
        Where foreground and seeds begin.
    min_size
        Objects of fewer pixels are removed.
    keep_unseeded
        Whether a foreground component without a seed becomes an object of its own.
    form
        ``components`` floods inside the foreground only, in one strict order of pixels
        (height, then raster). ``mahotas`` floods the whole image and then cuts out the
        foreground, as the paper's code does: a component without a seed may go to a
        neighbour's object there, and objects may be in several pieces.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: 0 background, objects 1, 2, ..., n without gaps.

    Raises
    ------
    ValueError
        When the array is not ``(3, *S)`` or holds other values than probabilities.

    References
    ----------
    Rumberger et al., "ACTIS: Improving data efficiency by leveraging semi-supervised
    augmentation consistency training for instance segmentation" (2023), section 3.3.
    """
    background, interior = _checked(probability)
    foreground = 1 - background > thresholds.foreground
    seeds = interior > thresholds.seed
    relief = 1 - interior
    components, _ = label(foreground)
    if form == "components":
        # Cut first, number then: else one seed's number could lie in two components.
        numbered, _ = label(seeds & foreground)
        instances = flood(relief, numbered, components)
    elif form == "mahotas":
        instances = _flood_everything(relief, label(seeds)[0], foreground)
    else:
        raise ValueError(f"No form {form!r}; choose 'components' or 'mahotas'.")
    if keep_unseeded:
        instances = _add_unseeded(instances, components, seeds & foreground)
    return drop_small(instances, min_size)


def connected_components(classes: ArrayLike, *, min_size: int = 0) -> Labels:
    """Pieces of equal class, for semantic tasks.

    Parameters
    ----------
    classes
        ``(*S)``, integers: 0 background, 255 ignore, others the user's classes.
    min_size
        Pieces of fewer pixels are removed.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: 0 on background and ignored pixels, else the id of the piece, 1 to n,
        class by class in raster order. Pieces of different classes never join.
    """
    array = np.asarray(classes)
    instances = np.zeros(array.shape, np.int32)
    n_found = 0
    for value in np.unique(array):
        if 0 < value < 255:
            pieces, n = label(array == value)
            instances += np.where(pieces > 0, pieces + np.int32(n_found), 0)
            n_found += n
    return drop_small(instances, min_size)


def _checked(probability: Floats) -> tuple[Floats, Floats]:
    """The planes of background and interior, as float32 or float64."""
    array = np.asarray(probability)
    if array.ndim < 2 or len(array) != 3:
        raise ValueError(
            "Expected probabilities of background, interior and boundary, shape "
            f"(3, *S); got {array.shape}."
        )
    planes = array[:2].astype(np.result_type(array, np.float32), copy=False)
    # Thresholds are meaningless on logits. "not" also catches not-a-number.
    low, high = planes.min(initial=0), planes.max(initial=0)
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise ValueError(
            "Expected probabilities between 0 and 1 (softmax outputs, not logits); "
            f"got values from {low:.3g} to {high:.3g}."
        )
    return planes[0], planes[1]


def _flood_everything(relief: Floats, markers: Labels, foreground: Mask) -> Labels:
    """Mahotas' watershed of the whole image, then cut to the foreground."""
    import mahotas  # Needed by the preset `paper` only, and slow to import.

    if not markers.any():
        return np.zeros(relief.shape, np.int32)
    basins = mahotas.cwatershed(np.ascontiguousarray(relief), markers)
    return np.where(foreground, basins, 0).astype(np.int32)


def _add_unseeded(instances: Labels, components: Labels, seeds: Mask) -> Labels:
    """Give each component without a seed an id of its own, after all others."""
    seeded = np.zeros(int(components.max(initial=0)) + 1, bool)
    seeded[0] = True
    seeded[components[seeds]] = True
    added = renumber(components, np.flatnonzero(~seeded))
    return np.where(added > 0, added + instances.max(initial=0), instances)
