"""Synthetic fluorescence nuclei with their truth: for the demo and the tests.

A nucleus is an ellipse with a wavy outline, brighter in the middle than at its rim,
mottled by chromatin and darkened by nucleoli. The camera sees the nuclei through a
Gaussian point spread, on an uneven background with a haze of out-of-focus light, and
adds shot noise, read noise and an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from napari_semiseg.errors import SemisegError
from napari_semiseg.samples.microscope import (
    FULL_SCALE,
    expose,
    glow,
    through_microscope,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ATTEMPTS = 30  # Places tried for one nucleus before the field counts as full.
_OVERLAP = 0.12  # Largest part of a nucleus that may lie on a neighbour.
_SMALLEST = 12  # Nuclei of fewer pixels, cut off by the border, are left out.


@dataclass(frozen=True)
class _Nucleus:
    """Outline and looks of one nucleus; angles in radians, lengths in pixels."""

    centre: tuple[float, float]
    radius: float
    elongation: float
    angle: float
    waves: NDArray[np.float64]  # (orders, 2): cosine and sine parts of the outline
    brightness: float

    def level(
        self, y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """0 at the centre, 1 on the outline."""
        dy, dx = y - self.centre[0], x - self.centre[1]
        along = dx * np.cos(self.angle) + dy * np.sin(self.angle)
        across = dy * np.cos(self.angle) - dx * np.sin(self.angle)
        stretch = np.sqrt(self.elongation)
        along, across = along / stretch, across * stretch
        turn = np.arctan2(across, along)
        outline = np.ones_like(turn)
        for order, (cosine, sine) in enumerate(self.waves, start=2):
            outline += cosine * np.cos(order * turn) + sine * np.sin(order * turn)
        level: NDArray[np.float64] = np.hypot(along, across) / (self.radius * outline)
        return level


class _Field:
    """The field of view while nuclei settle on it."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.light = np.zeros(shape)
        self.instances = np.zeros(shape, np.int32)
        self._level = np.full(shape, np.inf)
        self.nuclei: list[_Nucleus] = []

    def settle(self, nucleus: _Nucleus, rng: np.random.Generator) -> bool:
        """Add the nucleus if it overlaps its neighbours only a little."""
        here = self._surroundings(nucleus)
        y, x = np.mgrid[here].astype(np.float64)
        level = nucleus.level(y, x)
        inside = level <= 1
        n_pixels = np.count_nonzero(inside)
        taken = np.count_nonzero(inside & (self.instances[here] > 0))
        if n_pixels < _SMALLEST or taken > _OVERLAP * n_pixels:
            return False
        self.nuclei.append(nucleus)
        # Where two nuclei meet, a pixel belongs to the one it lies deeper in.
        mine = inside & (level < self._level[here])
        self.instances[here][mine] = len(self.nuclei)
        self._level[here][mine] = level[mine]
        self.light[here] += nucleus.brightness * glow(level, nucleus.radius, rng)
        return True

    def _surroundings(self, nucleus: _Nucleus) -> tuple[slice, slice]:
        reach = 1.6 * nucleus.radius * np.sqrt(nucleus.elongation) + 2
        low = [max(0, int(c - reach)) for c in nucleus.centre]
        high = [
            min(n, int(c + reach) + 1)
            for c, n in zip(nucleus.centre, self.light.shape, strict=True)
        ]
        return slice(low[0], high[0]), slice(low[1], high[1])


def synthetic_nuclei(
    rng: np.random.Generator,
    shape: tuple[int, int] = (256, 256),
    n_objects: int | None = None,
    *,
    crowding: float = 0.4,
    noise: float = 1.0,
    background: float = 0.08,
    brightness: float = 3000.0,
    size: float = 24.0,
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Draw one image of fluorescent nuclei and its truth.

    Parameters
    ----------
    rng
        Source of all randomness.
    shape
        Height and width in pixels.
    n_objects
        Nuclei to place; fewer when the field is full. None: about an eighth of the
        field is covered, more with crowding.
    crowding
        Part of the nuclei, 0 to 1, that lie against a neighbour.
    noise
        Strength of shot and read noise; 0: none, 1: an everyday exposure, 4: a dim one.
    background
        Mean background and haze as a part of ``brightness``.
    brightness
        Counts of a typical nucleus above the camera's offset.
    size
        Mean diameter of the nuclei in pixels.

    Returns
    -------
    image : uint16 (Y, X)
    instances : int32 (Y, X)
        0 background, ids 1, 2, ... without gaps, each one connected piece.

    Raises
    ------
    SemisegError
        When a number lies outside its bounds.
    """
    _check(shape, n_objects, crowding, noise, background, brightness, size)
    field = _Field(shape)
    if n_objects is None:
        coverage = 0.12 + 0.18 * crowding
        n_objects = round(coverage * shape[0] * shape[1] / (np.pi * (size / 2) ** 2))
    for _ in range(n_objects):
        if not _place(field, crowding, size, rng):
            break
    light = brightness * through_microscope(field.light, background, size, rng)
    return expose(light, noise, rng), _whole_objects(field.instances)


def sample_set(
    seed: int, n_images: int, shape: tuple[int, int] = (256, 256)
) -> list[tuple[NDArray[np.uint16], NDArray[np.int32]]]:
    """Draw images that differ in size, brightness, crowding, noise and background.

    Parameters
    ----------
    seed
        Image k of a seed is the same whatever ``n_images``.
    n_images
        How many images.
    shape
        Height and width of each.

    Returns
    -------
    list of (image uint16 (Y, X), instances int32 (Y, X))
    """
    children = np.random.SeedSequence(seed).spawn(n_images)
    return [_varied(np.random.default_rng(child), shape) for child in children]


def _varied(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    return synthetic_nuclei(
        rng,
        shape,
        crowding=rng.uniform(0.2, 0.8),
        noise=rng.uniform(0.5, 2.5),
        background=rng.uniform(0.03, 0.2),
        brightness=np.exp(rng.uniform(np.log(800), np.log(8000))),
        size=rng.uniform(18, 30),
    )


def _place(
    field: _Field, crowding: float, size: float, rng: np.random.Generator
) -> bool:
    """Find room for one more nucleus; False when the field is full."""
    for _ in range(_ATTEMPTS):
        radius = 0.5 * size * np.exp(rng.normal(0, 0.18))
        centre = _somewhere(field, radius, crowding, rng)
        nucleus = _Nucleus(
            centre=centre,
            radius=radius,
            elongation=1 + rng.gamma(2.0, 0.12),
            angle=rng.uniform(0, np.pi),
            waves=rng.normal(0, 1, (4, 2)) * [[0.05], [0.03], [0.015], [0.01]],
            brightness=float(np.exp(rng.normal(0, 0.35))),
        )
        if field.settle(nucleus, rng):
            return True
    return False


def _somewhere(
    field: _Field, radius: float, crowding: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Either anywhere in the field, or against a nucleus that is already there."""
    height, width = field.light.shape
    if field.nuclei and rng.random() < crowding:
        friend = field.nuclei[int(rng.integers(len(field.nuclei)))]
        direction = rng.uniform(0, 2 * np.pi)
        distance = (friend.radius + radius) * rng.uniform(0.85, 1.05)
        y = friend.centre[0] + distance * np.sin(direction)
        x = friend.centre[1] + distance * np.cos(direction)
        if 0 <= y < height and 0 <= x < width:
            return float(y), float(x)
    return float(rng.uniform(0, height)), float(rng.uniform(0, width))


def _whole_objects(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep the largest piece of each object, drop crumbs, and close gaps in the ids."""
    whole = np.zeros_like(instances)
    n_kept = 0
    for index, box in enumerate(scipy.ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        pieces, _ = scipy.ndimage.label(instances[box] == index, np.ones((3, 3)))
        areas = np.bincount(pieces.ravel())[1:]
        if areas.max() < _SMALLEST:
            continue
        n_kept += 1
        whole[box][pieces == 1 + areas.argmax()] = n_kept
    return whole


def _check(
    shape: tuple[int, int],
    n_objects: int | None,
    crowding: float,
    noise: float,
    background: float,
    brightness: float,
    size: float,
) -> None:
    wrong = {
        "shape must be two numbers of pixels": len(shape) != 2 or min(shape) < 1,
        "n_objects must not be negative": n_objects is not None and n_objects < 0,
        "crowding must lie between 0 and 1": not 0 <= crowding <= 1,
        "noise must not be negative": not noise >= 0,
        "background must not be negative": not background >= 0,
        "brightness must be above 0": not 0 < brightness < FULL_SCALE,
        "size must be at least 3 pixels": not size >= 3,
    }
    for sentence, is_wrong in wrong.items():
        if is_wrong:
            raise SemisegError(f"These nuclei cannot be drawn: {sentence}.")
