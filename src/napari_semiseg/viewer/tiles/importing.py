"""Labels made elsewhere: an open layer or a file, into a tile or the whole image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_semiseg.api.labelling import label
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import as_labels, read_labels
from napari_semiseg.project.reduction import reduce_labels
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.tiles.offer import Offer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.annotations import ImportReport
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.tile_book import Place


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Where labels come from: a file, or the pixels of an open layer."""

    path: Path | None = None
    pixels: Any = None

    @classmethod
    def of_layer(cls, layer: Labels) -> LabelSource:
        """The labels of a layer, not copied."""
        return cls(pixels=layer.data[0] if layer.multiscale else layer.data)

    def whole(self, item: ImageItem) -> Path | NDArray[Any]:
        """Labels of a whole image, in pixels of its file."""
        return self.path or np.asarray(self._frame(item))

    def part(self, item: ImageItem, box: Box) -> NDArray[np.int32]:
        """Labels of a box, int32 ``(*box.size)``: cut out, or drawn for it alone.

        Raises
        ------
        SemisegError
            When they fit neither the image nor the box, or are no whole numbers.
        """
        if self.path is not None:
            frame = item.frame if item.n_frames > 1 else None
            full = read_labels(self.path, item.full_shape, frame)
            reduced: NDArray[np.int32] = reduce_labels(full, item.reduction)[0]
            return reduced[box.slices]
        pixels, step = self._frame(item), item.reduction
        if tuple(pixels.shape) == box.size:
            return as_labels(np.asarray(pixels), box.size)
        if tuple(pixels.shape) != item.full_shape:
            return as_labels(np.empty(pixels.shape, np.int8), item.full_shape)
        cut = tuple(slice(c.start * step, c.stop * step) for c in box.slices)
        size = tuple(n * step for n in box.size)
        return reduce_labels(as_labels(np.asarray(pixels[cut]), size), step)[0]

    def _frame(self, item: ImageItem) -> Any:
        """The labels of one image where the layer holds those of a stack."""
        several = self.pixels.ndim == len(item.full_shape) + 1
        if several and len(self.pixels) == item.n_frames:
            return self.pixels[item.frame]
        return self.pixels


class Importing(QObject):
    """Takes labels made elsewhere, in the background."""

    changed = Signal()
    """Work began or ended."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.busy = False

    def layers(self) -> list[Labels]:
        """Open Labels layers that are not the dock's own."""
        layers = self._desk.viewer.layers
        return [
            one for one in layers if isinstance(one, Labels) and use_of(one) is None
        ]

    def into_tile(self, source: LabelSource) -> None:
        """Put labels where nothing is painted in the tile in hand yet."""
        session, place = self._desk.session, self._desk.annotating.place
        item = session.item
        if not self._desk.annotating.ready() or place is None or item is None:
            return
        self._submit(
            partial(_part, session.opened, item, place[1], source),
            partial(self._put, place),
        )

    def whole_image(self, source: LabelSource, *, separate: bool = False) -> None:
        """Make the image in view one finished tile with these labels."""
        session = self._desk.session
        if session.item is None or session.read_only:
            session.say(session.read_only or "Choose an image first.", problem=True)
            return
        self._desk.annotating.save()
        self._submit(
            partial(_label, session.opened, session.item, source, separate),
            partial(self._labelled, session.opened, session.item, source),
        )

    def _submit(self, work: Any, done: Any) -> None:
        self._set_busy(True)
        self._desk.background.submit(work, done, self._failed)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.changed.emit()

    def _failed(self, sentence: str) -> None:
        self._set_busy(False)
        self._desk.session.say(sentence, problem=True)

    def _put(self, place: Place, labels: NDArray[np.int32]) -> None:
        self._set_busy(False)
        annotating = self._desk.annotating
        if annotating.place != place:
            return
        if not annotating.tools.put_into_tile(labels):
            self._desk.session.say(
                "These labels have no object where the tile is unlabelled.",
                problem=True,
            )

    def _labelled(
        self,
        project: Project,
        item: ImageItem,
        source: LabelSource,
        report: ImportReport,
    ) -> None:
        self._set_busy(False)
        session = self._desk.session
        if session.project is not project:
            return
        session.tiles_changed.emit(item.id)
        session.say(f"{item.name}: {report.words}")
        if report.split_ids and not report.fixed:
            self._desk.annotating.propose(
                Offer(
                    f"{len(report.split_ids)} number(s) lie in separate pieces. Is "
                    "each piece an object of its own?",
                    "Separate them",
                    partial(self._separate, source),
                )
            )

    def _separate(self, source: LabelSource) -> None:
        self._desk.annotating.propose(None)
        self.whole_image(source, separate=True)


def _part(
    project: Project, item: ImageItem, box: Box, source: LabelSource
) -> NDArray[np.int32]:
    labels = source.part(item, box)
    last = len(project.classes)
    if project.task == "semantic" and labels.max(initial=0) > last:
        raise SemisegError(
            f"These labels go up to {labels.max()}, but the classes of this project "
            f"are numbered 1 to {last}: change the numbers in the file first."
        )
    return labels


def _label(
    project: Project, item: ImageItem, source: LabelSource, separate: bool
) -> ImportReport:
    return label(project, item.id, source.whole(item), separate=separate)
