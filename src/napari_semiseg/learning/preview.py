"""What a watcher sees of a region while the network trains.

Shown and used are the same: for a crop of the training tile's size the label and the
mask equal, bit for bit, what the training step computes of it in the same state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.report import PreviewArrays
from napari_semiseg.learning.stage import LabelledAhead, PseudoLabelling
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.validation import probability_forward
from napari_semiseg.prediction.predict import predict_probability

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.stage import Stage


def preview(
    stage: Stage,
    device: torch.device,
    source: ImageSource,
    box: Box,
    trust: NDArray[np.uint8],
    tile_size: int,
    image_id: str = "",
) -> PreviewArrays:
    """Probability, label, confidence and selected pixels of one region.

    ``trust``, uint8 ``(*box.size)`` with values of `Trust`, is what a person said of
    the region when the run began; ``tile_size`` is the side of a training tile. In a
    stage without pseudo-labels, such as the supervised one, nothing is selected; nor in
    an image, known by its ``image_id``, of which the stage uses none.
    """
    told = torch.from_numpy(np.ascontiguousarray(trust))[None]
    if isinstance(stage, LabelledAhead):
        pseudo, used = stage.labels_of(source, box, image_id)
        told = told.to(pseudo.label.device)
        return _arrays(
            pseudo, used & stage.select(pseudo.label, pseudo.confidence, told)
        )
    if not isinstance(stage, PseudoLabelling):
        with evaluating(stage.predictor):
            forward = probability_forward(stage.predictor, device)
            pseudo = _tiled(forward, device, source, box)
        return _arrays(pseudo, torch.zeros_like(pseudo.label, dtype=torch.bool))
    if set(box.size) == {tile_size}:
        pseudo = _as_in_training(stage, device, source, box)
    else:
        pseudo = _tiled(stage.class_probability, device, source, box)
    told = told.to(pseudo.label.device)
    return _arrays(pseudo, stage.select(pseudo.label, pseudo.confidence, told))


def _as_in_training(
    stage: PseudoLabelling, device: torch.device, source: ImageSource, box: Box
) -> PseudoLabels:
    """In a batch as large as in training, because bits may depend on its size."""
    tile = torch.from_numpy(np.ascontiguousarray(source.read(box)))
    batch = tile[None].expand(stage.labelled_at_once, *tile.shape).contiguous()
    pseudo = stage.pseudo_labels(batch.to(device))
    return PseudoLabels(pseudo.probability[:1], pseudo.label[:1], pseudo.confidence[:1])


def _tiled(
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    source: ImageSource,
    box: Box,
) -> PseudoLabels:
    probability = predict_probability(forward, source, region=box, device=device)
    return PseudoLabels.of(torch.from_numpy(probability)[None].to(device))


def _arrays(pseudo: PseudoLabels, selected: Tensor) -> PreviewArrays:
    return PreviewArrays(
        pseudo.probability[0].cpu().numpy().astype(np.float32),
        pseudo.label[0].cpu().numpy().astype(np.uint8),
        pseudo.confidence[0].cpu().numpy().astype(np.float32),
        selected[0].cpu().numpy(),
    )
