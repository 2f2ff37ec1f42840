"""The weights that score best on the validation tiles, of a run and of its stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Kept:
    """Weights, when they were taken, and their score."""

    score: float
    step: int
    weights: dict[str, Tensor]

    def load_into(self, network: nn.Module) -> None:
        """Give a network these weights."""
        network.load_state_dict(self.weights)


class BestWeights:
    """Keeps copies; where run and stage have the same best, it is one copy."""

    def __init__(self) -> None:
        self.run: Kept | None = None
        self.stage: Kept | None = None

    def offer(self, score: float, step: int, network: nn.Module) -> None:
        """Keep a network's weights if they are at least as good as the best so far."""
        of_run = self.run is None or score >= self.run.score
        of_stage = self.stage is None or score >= self.stage.score
        if not (of_run or of_stage):
            return
        weights = {name: v.clone() for name, v in network.state_dict().items()}
        kept = Kept(score, step, weights)
        self.run = kept if of_run else self.run
        self.stage = kept if of_stage else self.stage

    def begin_stage(self, *, alone: bool) -> None:
        """Another stage begins; ``alone``: it alone is judged from now on."""
        self.stage = None
        if alone:
            self.run = None

    def state(self) -> dict[str, Any]:
        """For a checkpoint; ``shared`` says that both are the same."""
        shared = self.run is self.stage
        return {
            "run": _state(self.run),
            "shared": shared,
            "stage": None if shared else _state(self.stage),
        }

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from :meth:`state`."""
        self.run = _kept(state["run"], device)
        self.stage = self.run if state["shared"] else _kept(state["stage"], device)


def _state(kept: Kept | None) -> dict[str, Any] | None:
    return None if kept is None else dict(vars(kept))


def _kept(state: dict[str, Any] | None, device: torch.device) -> Kept | None:
    if state is None:
        return None
    weights = {name: value.to(device) for name, value in state["weights"].items()}
    return Kept(state["score"], state["step"], weights)
