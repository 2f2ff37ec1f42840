"""What a watcher sees of a region while the network trains.

Shown and used are the same: for a crop of the training tile's size the label and the
mask equal, bit for bit, what the training step computes of it in the same state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.learning.networks import SegmentationNetwork
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.report import PreviewArrays
from napari_semiseg.learning.stage import (
    LabelledAhead,
    LabellingObjects,
    PseudoLabelling,
    TakingWords,
)
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.validation import probability_forward
from napari_semiseg.prediction.predict import predict_probability

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.stage import Stage


def preview(
    stage: Stage,
    device: torch.device,
    source: ImageSource,
    box: Box,
    said: Said,
    tile_size: int,
    image_id: str = "",
) -> PreviewArrays:
    """Probability, label, confidence and selected pixels of one region.

    ``said``, a batch of one, is what a person had said of the region when the run
    began: their targets are shown as labels. ``tile_size`` is the side of a training
    tile. In a stage without pseudo-labels, such as the supervised one, nothing is
    selected, unless it learns what is said of unlabelled images; nor in an image, known
    by its ``image_id``, of which the stage uses none.
    """
    network = stage.predictor
    n_classes = None
    if isinstance(network, SegmentationNetwork) and network.n_kinds:
        n_classes = network.n_classes
    if isinstance(stage, LabelledAhead):
        pseudo, used = stage.labels_of(source, box, image_id)
        said = said.to(pseudo.label.device)
        selected = stage.select(pseudo.label, pseudo.confidence, said)
        return _arrays(pseudo, said.label(pseudo.label), used & selected)
    if not isinstance(stage, PseudoLabelling):
        with evaluating(stage.predictor):
            forward = probability_forward(stage.predictor, device, with_kinds=True)
            pseudo = _tiled(forward, device, source, box, n_classes)
        taken = isinstance(stage, TakingWords) and stage.takes_words
        label = said.label(pseudo.label) if taken else pseudo.label
        return _arrays(pseudo, label, said.known & taken)
    if set(box.size) == {tile_size}:
        pseudo = _as_in_training(stage, device, source, box)
    else:
        forward = stage.class_probability
        if isinstance(stage, LabellingObjects):
            forward = stage.all_probability
        pseudo = _tiled(forward, device, source, box, n_classes)
    if n_classes is not None and pseudo.kinds is None:
        pseudo = replace(pseudo, kinds=_kinds(stage, device, source, box, n_classes))
    selected = stage.select(pseudo.label, pseudo.confidence, said)
    return _arrays(pseudo, said.label(pseudo.label), selected)


def _kinds(
    stage: Stage, device: torch.device, source: ImageSource, box: Box, n_classes: int
) -> PseudoLabels | None:
    """Classes of objects by the predictor of a stage that has no say in them."""
    with evaluating(stage.predictor):
        forward = probability_forward(stage.predictor, device, with_kinds=True)
        return _tiled(forward, device, source, box, n_classes).kinds


def _as_in_training(
    stage: PseudoLabelling, device: torch.device, source: ImageSource, box: Box
) -> PseudoLabels:
    """In a batch as large as in training, because bits may depend on its size."""
    tile = torch.from_numpy(np.ascontiguousarray(source.read(box)))
    batch = tile[None].expand(stage.labelled_at_once, *tile.shape).contiguous()
    pseudo = stage.pseudo_labels(batch.to(device))
    return _first(pseudo)


def _first(pseudo: PseudoLabels) -> PseudoLabels:
    """Of a batch the first sample."""
    kinds = None if pseudo.kinds is None else _first(pseudo.kinds)
    return PseudoLabels(
        pseudo.probability[:1], pseudo.label[:1], pseudo.confidence[:1], kinds
    )


def _tiled(
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    source: ImageSource,
    box: Box,
    n_classes: int | None,
) -> PseudoLabels:
    """``n_classes``: behind those of the pixels, the classes of objects follow."""
    probability = predict_probability(forward, source, region=box, device=device)
    whole = torch.from_numpy(probability)[None].to(device)
    return PseudoLabels.of(whole, n_classes)


def _arrays(pseudo: PseudoLabels, label: Tensor, selected: Tensor) -> PreviewArrays:
    kind = None
    if pseudo.kinds is not None:
        kind = (pseudo.kinds.label[0] + 1).cpu().numpy().astype(np.uint8)
    return PreviewArrays(
        pseudo.probability[0].cpu().numpy().astype(np.float32),
        label[0].cpu().numpy().astype(np.uint8),
        pseudo.confidence[0].cpu().numpy().astype(np.float32),
        selected[0].cpu().numpy(),
        kind,
    )
