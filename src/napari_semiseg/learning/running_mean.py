"""The running mean of a network's weights, which predicts in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.teacher import Average, decay_of_half_life

if TYPE_CHECKING:
    from torch import nn


class RunningMean:
    """Follows a network through a stage, or is switched off.

    Parameters
    ----------
    network
        The one that learns.
    half_life
        Fraction of the stage's steps; 0: no mean, the network itself predicts.
    """

    def __init__(self, network: nn.Module, half_life: float) -> None:
        self._network = network
        self._half_life = half_life
        self._average = Average(network) if half_life else None

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self._average.network if self._average else self._network

    def follow(self, n_steps: int) -> None:
        """Move towards the network, after a step of a stage of so many."""
        if self._average is not None:
            decay = decay_of_half_life(self._half_life * n_steps)
            self._average.update(self._network, decay, warm_up=True)

    def state(self) -> dict[str, Any]:
        """For a checkpoint; nothing when switched off."""
        average = self._average
        if average is None:
            return {}
        return {"average": average.network.state_dict(), "updates": average.updates}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`; other entries are not looked at."""
        if self._average is not None:
            self._average.network.load_state_dict(state["average"])
            self._average.updates = state["updates"]
