"""When a run is saved, and which of its two checkpoints counts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder


class Saved(Protocol):
    """What can be saved: a training at some step."""

    @property
    def step(self) -> int:
        """Steps made so far."""
        ...

    def save_checkpoint(self, path: Path) -> None:
        """Write one file atomically."""
        ...


class Checkpoints:
    """Saves a training by the clock, keeping the checkpoint before the newest.

    The older one is needed once the newest turns out to hold broken weights: a loss
    shows one step late that the weights became not-a-number.

    Parameters
    ----------
    run
        The run to save into.
    every
        Seconds between two checkpoints.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, run: RunFolder, *, every: float, clock: Callable[[], float]
    ) -> None:
        self._run = run
        self._every = every
        self._clock = clock
        self._saved_at = clock()
        self._step: int | None = None

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() - self._saved_at >= self._every

    def save(self, training: Saved) -> None:
        """Save the training, unless this step is saved already."""
        if self._step == training.step:
            return
        newest, previous = self._run.last_checkpoint, self._run.previous_checkpoint
        if newest.is_file():
            newest.replace(previous)
        training.save_checkpoint(newest)
        self._saved_at = self._clock()
        self._step = training.step

    def loaded(self, step: int) -> None:
        """Say that the newest checkpoint holds this step (after a resume)."""
        self._step = step

    def distrust(self, step: int) -> None:
        """Remove the newest checkpoint if its weights broke the loss at ``step``."""
        if self._step is None or self._step < step - 1:
            return
        if self._step > 0 and self._run.previous_checkpoint.is_file():
            with contextlib.suppress(OSError):
                self._run.last_checkpoint.unlink(missing_ok=True)
