"""Windows with discs that a teacher sees, for tests of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
from napari_semiseg.viewer.teacher.strokes import Stroke
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
from napari_semiseg.viewer.teacher.teacher_planes import Answer, Rules
from napari_semiseg.viewer.teacher.teacher_view import TeacherView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile

SHAPE = (96, 128)
DISCS = ((20, 20, 9), (20, 60, 9), (60, 40, 12), (70, 100, 10))


def disc(shape: tuple[int, ...], y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def answer(
    box: Box = Box((0, 0), SHAPE),  # noqa: B008
    discs: Sequence[tuple[float, float, float]] = DISCS,
    shape: tuple[int, int] = SHAPE,
) -> Answer:
    """The teacher's view of discs: sure of their interiors, less of their outlines."""
    probability = np.zeros((3, *shape), np.float32)
    probability[0] = 0.9
    probability[1:] = 0.05
    for y, x, radius in discs:
        probability[:, disc(shape, y, x, radius)] = [[0.1], [0.2], [0.7]]
        probability[:, disc(shape, y, x, radius - 2)] = [[0.05], [0.9], [0.05]]
    found = probability[(slice(None), *box.slices)]
    confidence = found.max(axis=0)
    return Answer(
        box, found, found.argmax(axis=0).astype(np.uint8), confidence, confidence > 0.8
    )


def make_view(
    window: Box | None = None,
    *,
    own: Corrections | None = None,
    tiles: Sequence[FinishedTile] = (),
    first: int = 0,
    shape: tuple[int, int] = SHAPE,
) -> TeacherView:
    window = window or Box.whole(shape)
    human = HumanPlanes(window, own or Corrections.unset(window), {}, tiles)
    return TeacherView(shape, human, FreshIds(first))


def see(view: TeacherView, found: Answer | None, rules: Rules | None = None) -> Box:
    """Work an answer in, at once."""
    return view.apply(view.job(found, rules or view.rules).run())


def dab(y: int, x: int, radius: int, value: int, shape: tuple[int, int] = SHAPE):
    """A round stroke with one value."""
    box = Box((y - radius, x - radius), (2 * radius + 1,) * 2).clip(shape)
    mask = disc(shape, y, x, radius)[box.slices]
    return Stroke(box, mask, np.full(box.size, value, np.int32))


def id_at(view: TeacherView, y: int, x: int) -> int:
    return int(
        view.shown.instances[y - view.window.origin[0], x - view.window.origin[1]]
    )
