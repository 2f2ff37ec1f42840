"""The card of the model that a training run ends with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.model import ModelCard, TrainedTile

if TYPE_CHECKING:
    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import TrainingSet


def make_card(
    network: SegmentationNetwork,
    settings: Settings,
    images: TrainingSet,
    *,
    parent: ModelCard | None,
    weights_source: str,
    selection: tuple[float | None, ...] | None = None,
) -> ModelCard:
    """What the model is and what it learned from; thresholds are tuned later.

    ``parent`` is the card of the model the run started from, ``selection`` that of its
    last stage.
    """
    ancestors: tuple[dict[str, Any], ...] = ()
    if parent is not None:
        own: dict[str, Any] = {
            "name": parent.name,
            "trained_on": [tile.model_dump(mode="json") for tile in parent.trained_on],
        }
        ancestors = (own, *parent.ancestors)
    return ModelCard(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        method=settings.name,
        preset=settings.preset,
        network=settings.network,
        n_channels=network.n_channels,
        n_classes=network.n_classes,
        task=images.task,
        classes=images.classes,
        boundary_mode=settings.boundary,
        min_size=settings.minimum_size,
        selection=selection,
        watershed_form=settings.watershed,
        pixel_size=images.pixel_size,
        pixel_unit=images.pixel_unit,
        trained_on=tuple(
            TrainedTile(
                image_id=tile.image_id,
                origin=tile.origin,
                size=tuple(tile.instances.shape),
            )
            for tile in images.training
        ),
        ancestors=ancestors,
        weights_source=weights_source,
    )
