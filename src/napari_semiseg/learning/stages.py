"""The stages of a run in their order: which is under way, and how far."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.stage import Preparing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn

    from napari_semiseg.learning.best import BestWeights
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.stage import PlannedStage, Stage


class StageSequence:
    """Makes each planned stage when its turn comes, from the network as it is then."""

    def __init__(self, plan: Sequence[PlannedStage], equipment: Equipment) -> None:
        self.plan = [planned for planned in plan if planned.n_steps > 0]
        self.equipment = equipment
        self.index = 0
        self._made: Stage | None = None
        self._prepared = False

    @property
    def current(self) -> Stage:
        """The stage under way, or the last one; made at the first call."""
        if self._made is None:
            random = self.equipment.random
            # A preview may be what makes it: nobody shall notice when that was.
            with random.unchanged(), random.own_global():
                self._made = self.plan[self.index].make(self.equipment)
        return self._made

    @property
    def planned(self) -> PlannedStage:
        """The plan of the stage under way."""
        return self.plan[self.index]

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count now."""
        return self.equipment.network if self._made is None else self._made.predictor

    def best_informed(self, *, ended: bool) -> nn.Module:
        """The network whose latest weights count where no validation tile judges.

        ``ended``: the run is at its last step.
        """
        previous = self.equipment.previous
        # A network that began anew knows less than its teacher until it has ended.
        if self.planned.begins == "fresh" and not ended and previous is not None:
            return previous
        return self.predictor

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """From which confidence of each class the loss trusts pixels now, if at all."""
        return None if self._made is None else self._made.selection

    @property
    def prepared(self) -> bool:
        """Whether the stage under way can make its next step."""
        return self._prepared or not isinstance(self.current, Preparing)

    @property
    def needs_origin(self) -> bool:
        """Whether a network may have to be made from the run's first weights, yet."""
        return any(
            planned.begins == "fresh" or planned.n_networks > 1
            for planned in self.plan[self.index :]
        )

    def within(self, step: int) -> int:
        """Steps done in the stage under way, of ``step`` done in the run."""
        return step - sum(planned.n_steps for planned in self.plan[: self.index])

    def replan(self, plan: Sequence[PlannedStage], step: int) -> None:
        """Take another plan of the same stages; the one under way goes on."""
        self.plan = [planned for planned in plan if planned.n_steps > 0]
        if self._made is not None:
            longer = self.plan[self.index].n_steps
            self._made.n_steps = max(longer, self.within(step) + 1)

    def prepare(self) -> Iterator[str]:
        """Prepare the stage under way, made anew, with a sentence now and then."""
        self._made = None
        stage = self.current
        if isinstance(stage, Preparing):
            yield from stage.prepare()
        self._prepared = True

    def end(self, best: BestWeights) -> None:
        """Go on to the next stage, if any.

        It continues from the best weights so far, the latest or fresh ones; the network
        it is taught by has the best ones of the stage that ends.
        """
        if self.index + 1 == len(self.plan):
            return
        network, coming = self.equipment.network, self.plan[self.index + 1]
        latest = copy.deepcopy(self.predictor.state_dict())
        self.equipment.previous = None
        if coming.taught:
            network.load_state_dict(best.stage.weights if best.stage else latest)
            self.equipment.previous = _frozen(network)
        if coming.begins == "fresh":
            made = self.equipment.origin.network(self.index + 1)
            network.load_state_dict(made.state_dict())
        else:
            kept = best.run if coming.begins == "continue" else None
            network.load_state_dict(kept.weights if kept else latest)
        best.begin_stage(alone=coming.judged_alone)
        self.index += 1
        self._made = None
        self._prepared = False

    def state(self) -> dict[str, Any]:
        """For a checkpoint; without the network."""
        previous = self.equipment.previous
        state: dict[str, Any] = {
            "index": self.index,
            "stage": None,
            "previous": None if previous is None else previous.state_dict(),
            "origin": self.equipment.origin.state() if self.needs_origin else None,
            "handed_on": self.equipment.handed_on,
        }
        made = self._made
        if made is not None and self.prepared:
            state["stage"] = made.state()
            state["n_steps"] = made.n_steps
            state["optimizers"] = [one.state_dict() for one in made.optimizers]
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`; the network has its weights already."""
        self.index = state["index"]
        self._made = None
        if state["origin"] is not None:
            self.equipment.origin.load_state(state["origin"])
        if state["previous"] is not None:
            self.equipment.previous = _frozen(self.equipment.network)
            self.equipment.previous.load_state_dict(state["previous"])
        self.equipment.handed_on = state.get("handed_on", {})
        if state["stage"] is None:
            return
        stage, states = self.current, state["optimizers"]
        stage.n_steps = state["n_steps"]
        for optimizer, its in zip(stage.optimizers, states, strict=True):
            optimizer.load_state_dict(its)
        stage.load_state(state["stage"])
        self._prepared = True


def _frozen(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).eval().requires_grad_(False)
