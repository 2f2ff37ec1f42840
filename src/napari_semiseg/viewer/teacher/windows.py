"""Which part of an image the teacher's layers show, and what is known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.viewer.teacher.finished_tiles import read_finished, shown_apart
from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
from napari_semiseg.viewer.teacher.teacher_view import TeacherView

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.teacher.teacher_planes import Rules

LARGEST = 2048
"""Pixels of a window along each side."""

_STEP = 256  # Windows of an image begin on multiples of this.


def first_window(shape: tuple[int, ...]) -> Box:
    """The whole image, or the middle of a large one."""
    return _around(Box.whole(shape), shape)


def moved_window(window: Box, visible: Box, shape: tuple[int, ...]) -> Box:
    """Where the window is to lie when a part of the image is in view.

    It stays while it covers all that is in view. When more is in view than it can
    cover, it stays while it covers the middle half.
    """
    if visible.empty or window.contains(visible):
        return window
    if any(v > w for v, w in zip(visible.size, window.size, strict=True)):
        quarter = tuple(size // 4 for size in visible.size)
        middle = Box(
            tuple(o + q for o, q in zip(visible.origin, quarter, strict=True)),
            tuple(
                min(s - 2 * q, w)
                for s, q, w in zip(visible.size, quarter, window.size, strict=True)
            ),
        )
        if window.contains(middle):
            return window
    return _around(visible, shape)


def open_view(
    project: Project, item: ImageItem, window: Box, rules: Rules
) -> TeacherView:
    """A window with what a person decided in it, read from the disk.

    Raises
    ------
    SemisegError
        When the decisions were made on other pixels, or a file is damaged.
    """
    store = CorrectionStore(project)
    fresh = FreshIds(store.next_id(item) - 1)
    objects = store.objects(item)
    fresh.note(max(objects, default=0))
    tiles = shown_apart(read_finished(AnnotationStore(project), item, window), fresh)
    human = HumanPlanes(window, store.read(item, window), objects, tiles)
    n_classes = 3 if project.task == "instances" else len(project.classes) + 1
    return TeacherView(item.shape, human, fresh, rules, n_classes)


def _around(box: Box, shape: tuple[int, ...]) -> Box:
    """The window whose middle is that of a box, as far as the image allows."""
    size = tuple(min(side, LARGEST) for side in shape)
    origin = []
    for first, extent, side, length in zip(
        box.origin, box.size, size, shape, strict=True
    ):
        wished = first + (extent - side) // 2
        snapped = round(wished / _STEP) * _STEP
        origin.append(min(max(snapped, 0), length - side))
    return Box(tuple(origin), size)
