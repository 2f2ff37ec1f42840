"""The sizes of regions in whole images: predicted, and those that were reached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from napari_semiseg.geometry import Box
from napari_semiseg.learning.attributes import regions, size
from napari_semiseg.learning.devices import place_images
from napari_semiseg.learning.size_crops import region_maps, sizes_of
from napari_semiseg.learning.size_report import RegionSize, SizeReport
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.typed_bounds import region_names
from napari_semiseg.learning.validation import probability_forward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from napari_semiseg.learning.curriculum_settings import CurriculumSettings
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.sampling import UnlabelledSampler
    from napari_semiseg.learning.size_sources import Bounds

MOST_TILES = 512
"""Of all images together: to know sizes of whole images is no reason to wait long."""

_MOST_OF_ONE = 16
_AT_ONCE = 8


class SizeMeasuring:
    """Prepares the bounds, and tells the sizes of a run.

    The size of an image is the mean over tiles of the training size on a grid; of a
    large image, or of many, over some of these.
    """

    def __init__(
        self, equipment: Equipment, settings: CurriculumSettings, bounds: Bounds
    ) -> None:
        self.equipment = equipment
        self.boundary = settings.boundary
        self.bounds = bounds
        self.report: SizeReport | None = None

    def prepare(self) -> Iterator[str]:
        """Learn the bounds, and what they are in the unlabelled images."""
        yield from self.bounds.prepare()
        yield from self.measure(None)

    def measure(self, network: nn.Module | None) -> Iterator[str]:
        """Bounds of all images, and what a network makes of these; None: not yet."""
        images = self.equipment.unlabelled.images
        most = max(1, min(_MOST_OF_ONE, MOST_TILES // max(1, len(images))))
        found: dict[str, tuple[RegionSize, ...]] = {}
        for number, image in enumerate(images[:MOST_TILES]):
            yield f"Measuring sizes: {number + 1} of {len(images)} images."
            found[image.image_id] = self._of_image(number, most, network)
        self.report = self._report(found)

    def _report(self, images: dict[str, tuple[RegionSize, ...]]) -> SizeReport:
        known, judged = self.equipment.training_set, self.bounds.judgement
        typed = self.bounds.origin == "typed"
        return SizeReport(
            classes=region_names(known),
            labelled=tuple(self._labelled()),
            relative_error=judged.relative_error,
            gamma=tuple(None if typed else gamma for gamma in judged.gamma),
            used=judged.used,
            sentence=judged.sentence,
            origin=self.bounds.origin,
            images=images,
        )

    def _labelled(self) -> Iterator[tuple[float, ...]]:
        known = self.equipment.training_set
        n_regions = len(region_names(known))
        for tile in known.labelled:
            maps = region_maps(tile, n_regions, known.task, self.boundary)
            if (sizes := sizes_of(maps)) is not None:
                yield sizes

    @torch.no_grad()
    def _of_image(
        self, number: int, most: int, network: nn.Module | None
    ) -> tuple[RegionSize, ...]:
        sampler = self.equipment.unlabelled
        boxes = grid(sampler.images[number].source.shape, sampler.size, most)
        rows = [
            self._of_tiles(sampler, number, boxes[i : i + _AT_ONCE], network)
            for i in range(0, len(boxes), _AT_ONCE)
        ]
        n_pixels = torch.tensor([float(math.prod(box.size)) for box in boxes])
        share = (n_pixels / n_pixels.sum())[:, None, None]
        means = (torch.cat(rows) * share).sum(0)  # (R, 4)
        return tuple(_region_size(row) for row in means.tolist())

    def _of_tiles(
        self,
        sampler: UnlabelledSampler,
        number: int,
        boxes: list[Box],
        network: nn.Module | None,
    ) -> Tensor:
        """Low, high, size and prediction, float32 ``(B, R, 4)``; NaN: not known."""
        drawn = sampler.read(tuple((number, box) for box in boxes))
        predicted = self.bounds.predicted(drawn)
        band = self.bounds.band(drawn, predicted)
        unknown = torch.full_like(band.low, math.nan)
        reached = unknown
        if network is not None:
            device = self.equipment.device
            with evaluating(network):
                p = probability_forward(network, device)(
                    place_images(drawn.image, device)
                )
            reached = size(regions(p, self.equipment.task), drawn.valid)
        columns = [band.low, band.high.clamp_max(1), reached]
        columns.append(unknown if predicted is None else predicted)
        return torch.stack(columns, 2).float().cpu()


def grid(shape: tuple[int, ...], side: int, most: int) -> list[Box]:
    """Tiles side by side that cover an image, or ``most`` of these, spread over it."""
    columns = range(0, shape[-1], side)
    boxes = [
        Box((y, x), (side, side)).clip(shape)
        for y in range(0, shape[-2], side)
        for x in columns
    ]
    if len(boxes) <= most:
        return boxes
    return [boxes[int((i + 0.5) * len(boxes) / most)] for i in range(most)]


def _region_size(row: list[float]) -> RegionSize:
    low, high, reached, predicted = row
    return RegionSize(
        low,
        high,
        None if math.isnan(reached) else reached,
        None if math.isnan(predicted) else predicted,
    )
