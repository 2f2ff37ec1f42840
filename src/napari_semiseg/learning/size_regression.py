"""The stage that trains the paper's regressor, before the network learns.

Source: Kervadec et al. 2019, section 4.1. ResNeXt-101 from random weights, SGD with
momentum 0.9 and weight decay 1e-4, rate 5e-6, halved at epochs 100 and 150 of 200; the
squared error of the size in pixels; flips and turns of up to 45 degrees. Its 200 epochs
are a share of the steps here.

Reconstruction: the error is the mean over the batch. The paper prints a sum and the
rate 5e-6; the public code has the sum and 5e-7, which for batches of 10 is the same as
the mean with 5e-6. Public code also has dropout in every block, of which the paper says
nothing; there is none here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning.losses import Losses, masked_mean
from napari_semiseg.learning.size_regressor import PIXELS, make_regressor
from napari_semiseg.learning.size_sources import REGRESSOR
from napari_semiseg.learning.typed_bounds import region_names

if TYPE_CHECKING:
    from torch import nn

    from napari_semiseg.learning.curriculum_settings import CurriculumSettings
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.size_crops import SizeCrops

NAME = "sizes"


class SizeRegressionStage:
    """Trains a regressor and hands it on; the run's network is left alone."""

    name = NAME
    selection = None

    def __init__(
        self,
        equipment: Equipment,
        settings: CurriculumSettings,
        n_steps: int,
        crops: SizeCrops,
    ) -> None:
        self.equipment = equipment
        self.settings = chosen = settings.regressor
        self.n_steps = n_steps
        self.crops = crops
        n_regions = len(region_names(equipment.training_set))
        self.regressor = make_regressor(
            equipment.network, chosen, n_regions, settings.seed
        )
        optimizer = torch.optim.SGD(
            self.regressor.parameters(),
            chosen.learning_rate,
            momentum=chosen.momentum,
            weight_decay=chosen.weight_decay,
        )
        self.optimizers = (optimizer,)

    @property
    def predictor(self) -> nn.Module:
        """The network, which has not begun to learn."""
        return self.equipment.network

    def rate(self, step: int) -> float:
        """Halved at one half and at three quarters of the stage."""
        t = step / self.n_steps
        return self.settings.learning_rate * 0.5 ** ((t >= 0.5) + (t >= 0.75))

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        return 1, self.equipment.batch(self.settings.batch)

    def losses(self, step: int) -> Losses:
        """``(R(X) - sum Y)^2`` in pixels of 256 x 256, the mean over the batch."""
        tools = self.equipment
        n = tools.batch(self.settings.batch)
        drawn = self.crops.draw(n, self.settings.geometry, tools.random)
        self.regressor.train()
        shares = tools.logits(self.regressor, drawn.image)
        error = ((shares - drawn.size) * PIXELS).square().sum(1)
        return Losses({"size": masked_mean(error, drawn.known)})

    def after_step(self, step: int) -> None:
        """Hand the regressor on once it has ended."""
        if step + 1 >= self.n_steps:
            self.equipment.handed_on[REGRESSOR] = self.regressor.state_dict()

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides the optimiser."""
        return {"regressor": self.regressor.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.regressor.load_state_dict(state["regressor"])
