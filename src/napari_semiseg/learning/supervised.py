"""The supervised stage: weighted cross-entropy on augmented labelled tiles.

Source: ACTIS section 3.2. Flips, affine, elastic, blur, noise and colour jitter, AdamW
with cosine decay, class weights (1, 1, 4). Where the public code departs from the paper
(warped class maps, a jitter for the whole batch, label smoothing) the paper is
followed.

Preset ``default`` departs in that a running mean of the weights predicts, and that the
boundary lies inside the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from napari_semiseg.learning import copying, intensity, symmetries, warps
from napari_semiseg.learning.class_head import class_terms
from napari_semiseg.learning.losses import Losses, supervised_loss
from napari_semiseg.learning.rates import cosine
from napari_semiseg.learning.running_mean import RunningMean
from napari_semiseg.learning.sampling import LabelledBatch
from napari_semiseg.learning.targets import kind_targets, targets_of, weights_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.settings import (
        GeometrySettings,
        IntensitySettings,
        Settings,
        SupervisedStageSettings,
    )
    from napari_semiseg.segmentation.classes import BoundaryMode


class SupervisedStage:
    """Learns from the labelled tiles."""

    name = "supervised"

    def __init__(
        self,
        equipment: Equipment,
        settings: Settings,
        stage: SupervisedStageSettings,
        n_steps: int,
    ) -> None:
        self.equipment = equipment
        self.boundary = settings.boundary
        self.settings = stage
        self.n_steps = n_steps
        self.class_weights = equipment.class_weights(stage.class_weights)
        optimizer = torch.optim.AdamW(
            equipment.network.parameters(),
            lr=stage.learning_rate,
            weight_decay=stage.weight_decay,
        )
        self.optimizers = (optimizer,)
        self.mean = RunningMean(equipment.network, stage.average_half_life)

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self.mean.predictor

    @property
    def selection(self) -> None:
        """No unlabelled pixel is in this loss."""
        return None

    def rate(self, step: int) -> float:
        """Cosine decay over the stage."""
        first, last = self.settings.learning_rate, self.settings.final_learning_rate
        return cosine(first, last, step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        return 1, self.equipment.batch(self.settings.batch)

    def losses(self, step: int) -> Losses:
        """Weighted cross-entropy of one augmented batch (ACTIS 3.2).

        Where objects have classes, that of the class head inside them is added.
        """
        return labelled_losses(self.equipment, self.draw(), self.class_weights)

    def draw(self) -> LabelledTiles:
        """A batch of augmented tiles with their targets."""
        settings = self.settings
        n = self.equipment.batch(settings.batch)
        return draw_tiles(
            self.equipment,
            n,
            self.boundary,
            settings.geometry,
            settings.intensity,
            copy_paste=settings.copy_paste,
        )

    def after_step(self, step: int) -> None:
        """Let the running mean follow."""
        self.mean.follow(self.n_steps)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return self.mean.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.mean.load_state(state)


class LabelledTiles(NamedTuple):
    """Augmented labelled tiles and their targets.

    ``image`` float32 ``(B, C, S, S)``; ``target`` int64 ``(B, S, S)``; ``kinds`` int64
    ``(B, S, S)``, classes of the objects from 0, None where there is one class alone.
    Both are ``IGNORE`` where nothing is known. ``weight`` float32 ``(B, S, S)``: how
    much each pixel counts.
    """

    image: Tensor
    target: Tensor
    kinds: Tensor | None
    weight: Tensor


def labelled_losses(
    equipment: Equipment, tiles: LabelledTiles, class_weights: Tensor
) -> Losses:
    """Weighted cross-entropy over the annotated pixels of labelled tiles alone.

    Where objects have classes, that of the class head inside them is added.
    ``class_weights`` is float ``(K,)``.
    """
    logits, of_kinds = equipment.outputs(equipment.network, tiles.image)
    loss = supervised_loss(logits, tiles.target, class_weights, tiles.weight)
    kinds = class_terms(of_kinds, tiles.kinds, counts=tiles.weight)
    return Losses({"supervised": loss, **kinds})


def draw_tiles(
    equipment: Equipment,
    n: int,
    boundary: BoundaryMode,
    geometry: GeometrySettings | None,
    intensities: IntensitySettings,
    *,
    copy_paste: float = 0.0,
) -> LabelledTiles:
    """A batch of ``n`` augmented labelled tiles and their targets.

    Flips, turns and strong intensity always; affine and elastic with ``geometry``;
    objects of other tiles in a share ``copy_paste`` of the tiles, if there are few.
    """
    batch = draw_squares(equipment, n, geometry, copy_paste=copy_paste)
    target = targets_of(batch.fields, equipment.task, boundary)
    image = intensity.augment(batch.image, intensities, equipment.random)
    kinds, weight = kind_targets(batch.fields), weights_of(batch.fields)
    return LabelledTiles(image, target, kinds, weight)


def draw_squares(
    equipment: Equipment,
    n: int,
    geometry: GeometrySettings | None,
    *,
    copy_paste: float = 0.0,
) -> LabelledBatch:
    """Labelled tiles of the training size, flipped and turned; warped by ``geometry``.

    Their targets are still to be made, so that a further warp can act on the objects.
    """
    sampler, random = equipment.labelled, equipment.random
    batch = sampler.draw(n, random)
    if copy_paste and len(sampler.weights) <= copying.MOST_TILES:
        distinct = equipment.task == "instances"
        batch = copying.paste_objects(batch, copy_paste, random, distinct=distinct)
    if geometry is None:
        batch = sampler.centre(batch)
    else:
        where = warps.draw_positions(n, sampler.size, sampler.canvas, geometry, random)
        batch = LabelledBatch(
            warps.resample(batch.image, where, "bilinear"),
            warps.resample(batch.fields, where, "nearest"),
        )
    turns = random.integers(symmetries.N_SYMMETRIES, n)
    return LabelledBatch(
        symmetries.apply_each(batch.image, turns),
        symmetries.apply_each(batch.fields, turns),
    )
