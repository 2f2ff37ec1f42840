"""What a step costs on this machine, measured without learning anything."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_semiseg.learning.class_lesson import losses_of

if TYPE_CHECKING:
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.stage import PlannedStage

_STEPS = 2


def seconds_of(planned: PlannedStage, equipment: Equipment) -> float:
    """Seconds of one step of a stage: its losses and their gradients.

    Weights, running statistics and random numbers are afterwards as they were. What a
    stage prepares before its first step is not measured.
    """
    if planned.taught:
        taught = copy.deepcopy(equipment.network).eval().requires_grad_(False)
        equipment = replace(equipment, previous=taught)
    network, random = equipment.network, equipment.random
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with random.unchanged(), random.own_global():
        stage = planned.make(equipment)
        network.train()
        middle = stage.n_steps // 2  # The first steps may cost less than the others.
        losses_of(stage, middle, equipment).total.backward()  # The first one warms up.
        started = time.perf_counter()
        for _ in range(_STEPS):
            total = losses_of(stage, middle, equipment).total
            total.backward()
            total.detach().item()  # A GPU is asked for the number, hence waited for.
        seconds = time.perf_counter() - started
    network.zero_grad(set_to_none=True)
    for name, buffer in network.named_buffers():
        buffer.copy_(buffers[name])
    return seconds / _STEPS
