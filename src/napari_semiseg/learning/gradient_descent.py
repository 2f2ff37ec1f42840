"""One gradient step of a stage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning.class_lesson import losses_of
from napari_semiseg.learning.devices import needs_gradient_scaler
from napari_semiseg.learning.validation import DivergedError

if TYPE_CHECKING:
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.stage import Stage


class GradientDescent:
    """Lets a stage's optimisers step; gradients of half precision are scaled."""

    def __init__(self, equipment: Equipment) -> None:
        self.equipment = equipment
        device = equipment.device
        self._scaler = torch.amp.GradScaler(
            device.type, enabled=needs_gradient_scaler(device)
        )

    def step(
        self, stage: Stage, within: int, number: int
    ) -> tuple[dict[str, float], float | None]:
        """Learn one batch.

        Parameters
        ----------
        within
            Steps done in the stage.
        number
            Of the step in the run, from 1.

        Returns
        -------
        tuple[dict[str, float], float | None]
            Weighted terms of the loss with their ``total``, and the coverage.

        Raises
        ------
        DivergedError
            When the loss is no number any more; then nothing was learned.
        """
        self.equipment.network.train()
        _set_rate(stage, stage.rate(within))
        losses = losses_of(stage, within, self.equipment)
        total = losses.total
        values = torch.stack([total, *losses.terms.values()]).detach().tolist()
        if not math.isfinite(values[0]):
            raise DivergedError(
                f"The loss became {values[0]} at step {number}: the learning "
                "rate is too high for these images. Start again with half of it."
            )
        self._scaler.scale(total).backward()
        for optimizer in stage.optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()
        coverage = None if losses.coverage is None else float(losses.coverage)
        return dict(zip(["total", *losses.terms], values, strict=True)), coverage

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides the optimisers."""
        return self._scaler.state_dict()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._scaler.load_state_dict(state)


def _set_rate(stage: Stage, rate: float) -> None:
    """Give each group of parameters its rate, and forget the step before."""
    for optimizer in stage.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        optimizer.zero_grad(set_to_none=True)
