"""A network with its optimiser, its schedule and the running mean that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.networks import encoder_of
from napari_semiseg.learning.optimizers import make_optimizer
from napari_semiseg.learning.rates import cosine, poly
from napari_semiseg.learning.running_mean import RunningMean

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
        self.mean = RunningMean(network, settings.average_half_life)

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self.mean.predictor

    def rate(self, t: float) -> float:
        """Learning rate at ``t`` from 0 (begin of the stage) to 1 (its end)."""
        settings = self.settings
        if settings.schedule == "poly":
            return poly(settings.learning_rate, t)
        return cosine(settings.learning_rate, settings.final_learning_rate, t)

    def follow(self, n_steps: int) -> None:
        """Let the running mean follow, in a stage of so many steps."""
        self.mean.follow(n_steps)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return self.mean.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.mean.load_state(state)


def _groups(network: SegmentationNetwork, scale: float) -> list[dict[str, Any]]:
    """Encoder and all else; the latter learns at ``scale`` times the rate."""
    encoder = encoder_of(network.body)
    inside = set() if encoder is None else {id(p) for p in encoder.parameters()}
    known = [p for p in network.parameters() if id(p) in inside]
    fresh = [p for p in network.parameters() if id(p) not in inside]
    groups: list[dict[str, Any]] = [{"params": fresh, "scale": scale}]
    return [{"params": known}, *groups] if known else groups
