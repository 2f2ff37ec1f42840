"""A network with its optimiser, its schedule and the running mean that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.networks import encoder_of
from napari_semiseg.learning.optimizers import make_optimizer
from napari_semiseg.learning.rates import cosine, poly
from napari_semiseg.learning.teacher import Average, decay_of_half_life

if TYPE_CHECKING:
    from torch import nn

    from napari_semiseg.learning.fixmatch_st_settings import LearnerSettings
    from napari_semiseg.learning.networks import SegmentationNetwork


class Learner:
    """What every stage of self-training does alike with the network it trains."""

    def __init__(self, network: SegmentationNetwork, settings: LearnerSettings) -> None:
        self.network = network
        self.settings = settings
        groups = _groups(network, settings.decoder_scale)
        self.optimizer = make_optimizer(groups, settings)
        self.average = Average(network) if settings.average_half_life else None

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self.average.network if self.average else self.network

    def rate(self, t: float) -> float:
        """Learning rate at ``t`` from 0 (begin of the stage) to 1 (its end)."""
        settings = self.settings
        if settings.schedule == "poly":
            return poly(settings.learning_rate, t)
        return cosine(settings.learning_rate, settings.final_learning_rate, t)

    def follow(self, n_steps: int) -> None:
        """Let the running mean follow, in a stage of so many steps."""
        if self.average is not None:
            decay = decay_of_half_life(self.settings.average_half_life * n_steps)
            self.average.update(self.network, decay, warm_up=True)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        if self.average is None:
            return {}
        average = self.average
        return {"average": average.network.state_dict(), "updates": average.updates}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
            self.average.updates = state["updates"]


def _groups(network: SegmentationNetwork, scale: float) -> list[dict[str, Any]]:
    """Encoder and all else; the latter learns at ``scale`` times the rate."""
    encoder = encoder_of(network.body)
    inside = set() if encoder is None else {id(p) for p in encoder.parameters()}
    known = [p for p in network.parameters() if id(p) in inside]
    fresh = [p for p in network.parameters() if id(p) not in inside]
    groups: list[dict[str, Any]] = [{"params": fresh, "scale": scale}]
    return [{"params": known}, *groups] if known else groups
