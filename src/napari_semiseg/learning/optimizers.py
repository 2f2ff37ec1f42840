"""The optimiser that a stage's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class OptimizerSettings(Protocol):
    """AdamW or stochastic gradient descent, and how they are set."""

    @property
    def optimizer(self) -> Literal["adamw", "sgd"]:
        """Which of both."""
        ...

    @property
    def learning_rate(self) -> float:
        """Rate at first."""
        ...

    @property
    def weight_decay(self) -> float:
        """Of either."""
        ...

    @property
    def momentum(self) -> float:
        """Of stochastic gradient descent."""
        ...


def make_optimizer(
    parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
    settings: OptimizerSettings,
    *,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """The optimiser of the settings.

    Parameters
    ----------
    parameters
        Of a network, or groups of them.
    nesterov
        Whether momentum, if there is any, looks ahead.
    """
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, settings.learning_rate, weight_decay=settings.weight_decay
        )
    return torch.optim.SGD(
        parameters,
        settings.learning_rate,
        momentum=settings.momentum,
        nesterov=nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
    )
