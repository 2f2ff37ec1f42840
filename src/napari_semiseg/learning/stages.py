"""The stages of a run in their order: which is under way, and how far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.methods import PlannedStage, Stage


class StageSequence:
    """Makes each planned stage when its turn comes, from the network as it is then."""

    def __init__(self, plan: Sequence[PlannedStage], equipment: Equipment) -> None:
        self.plan = [planned for planned in plan if planned.n_steps > 0]
        self.equipment = equipment
        self.index = 0
        self._made: Stage | None = None

    @property
    def current(self) -> Stage:
        """The stage under way, or the last one; made at the first call."""
        if self._made is None:
            self._made = self.plan[self.index].make(self.equipment)
        return self._made

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count now."""
        return self.equipment.network if self._made is None else self._made.predictor

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """From which confidence of each class the loss trusts pixels now, if at all."""
        return None if self._made is None else self._made.selection

    def within(self, step: int) -> int:
        """Steps done in the stage under way, of ``step`` done in the run."""
        return step - sum(planned.n_steps for planned in self.plan[: self.index])

    def replan(self, plan: Sequence[PlannedStage], step: int) -> None:
        """Take another plan of the same stages; the one under way goes on."""
        self.plan = [planned for planned in plan if planned.n_steps > 0]
        if self._made is not None:
            longer = self.plan[self.index].n_steps
            self._made.n_steps = max(longer, self.within(step) + 1)

    def end(self, best: Mapping[str, Tensor] | None) -> None:
        """Go on to the next stage, if any, from the best weights of this one."""
        if self.index + 1 == len(self.plan):
            return
        self.equipment.network.load_state_dict(best or self.predictor.state_dict())
        self.index += 1
        self._made = None

    def state(self) -> dict[str, Any]:
        """For a checkpoint; without the network."""
        made = self._made
        if made is None:
            return {"index": self.index, "stage": None}
        return {
            "index": self.index,
            "stage": made.state(),
            "n_steps": made.n_steps,
            "optimizer": made.optimizer.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`; the network has its weights already."""
        self.index = state["index"]
        self._made = None
        if state["stage"] is not None:
            self.current.n_steps = state["n_steps"]
            self.current.optimizer.load_state_dict(state["optimizer"])
            self.current.load_state(state["stage"])


def cosine(first: float, last: float, t: float) -> float:
    """Cosine decay from ``first`` at t = 0 to ``last`` at t = 1."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * t))
