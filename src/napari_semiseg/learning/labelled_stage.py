"""The first stage of FixMatch-ST without FixMatch: labelled tiles alone.

Source: Luu et al., section 4.2 (SupOnly). Labelled tiles under weak augmentation are
learned by cross-entropy; what ST++ compares later is kept on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.learner import Learner
from napari_semiseg.learning.reliability import keep_checkpoint
from napari_semiseg.learning.supervised import draw_tiles, labelled_losses

if TYPE_CHECKING:
    from torch import nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
    from napari_semiseg.learning.losses import Losses
    from napari_semiseg.learning.supervised import LabelledTiles


class LabelledStage:
    """Learns from the labelled tiles alone (SupOnly)."""

    name = "supervised"

    def __init__(
        self, equipment: Equipment, settings: FixMatchStSettings, n_steps: int
    ) -> None:
        self.equipment = equipment
        self.settings = settings
        self.n_steps = n_steps
        self.learner = Learner(equipment.network, settings.learner)
        self.optimizers = (self.learner.optimizer,)
        self.class_weights = equipment.class_weights(settings.labelled.class_weights)

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count."""
        return self.learner.predictor

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """No unlabelled pixel is in this loss."""
        return None

    def rate(self, step: int) -> float:
        """By the schedule, over the stage."""
        return self.learner.rate(step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        return 1, self.equipment.batch(self.settings.supervised_batch)

    def losses(self, step: int) -> Losses:
        """``CE(f(W(x)), y)`` of one batch."""
        tiles = self.draw_labelled(self.settings.supervised_batch, smallest=2)
        return labelled_losses(self.equipment, tiles, self.class_weights)

    def draw_labelled(self, wanted: int, smallest: int = 1) -> LabelledTiles:
        """Labelled tiles under weak augmentation, and their targets."""
        labelled = self.settings.labelled
        return draw_tiles(
            self.equipment,
            self.equipment.batch(wanted, smallest),
            self.settings.boundary,
            labelled.geometry,
            labelled.intensity,
        )

    def after_step(self, step: int) -> None:
        """Let the mean follow; keep what ST++ compares later."""
        self.learner.follow(self.n_steps)
        if self.settings.self_training == "st++":
            keep_checkpoint(
                self.equipment.handed_on,
                self.predictor,
                (step + 1) / self.n_steps,
                self.settings.reliability.checkpoints,
            )

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return self.learner.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.learner.load_state(state)
