"""Random draws of a training run that neither see nor disturb anybody else's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class Randomness:
    """The generators of one run: numbers on the host, fields on the device.

    Dropout and drop-connect draw from torch's global generators. :meth:`own_global`
    swaps the run's state of these in for one step, so that a notebook that draws
    between two reports changes nothing, and finds its own stream untouched.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self.host = torch.Generator().manual_seed(seed)
        self.fields = torch.Generator(device).manual_seed(seed + 1)
        self._global = torch.Generator().manual_seed(seed + 2).get_state()
        self._cuda: Tensor | None = None
        if device.type == "cuda":
            seeded = torch.Generator(device).manual_seed(seed + 2)
            self._cuda = seeded.get_state()

    @contextlib.contextmanager
    def own_global(self) -> Iterator[None]:
        """Let torch's global generators be the run's inside the block."""
        outer = torch.get_rng_state()
        outer_cuda = self._cuda_state()
        torch.set_rng_state(self._global)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self.device)
        try:
            yield
        finally:
            self._global = torch.get_rng_state()
            self._cuda = self._cuda_state()
            torch.set_rng_state(outer)
            if outer_cuda is not None:
                torch.cuda.set_rng_state(outer_cuda, self.device)

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Draw freely inside the block; afterwards nothing was drawn."""
        state = self.state()
        try:
            yield
        finally:
            self.load_state(state)

    def integer(self, high: int) -> int:
        """One integer from 0 to ``high - 1``."""
        return int(torch.randint(high, (), generator=self.host))

    def integers(self, high: int, n: int) -> list[int]:
        """``n`` integers from 0 to ``high - 1``."""
        drawn: list[int] = torch.randint(high, (n,), generator=self.host).tolist()
        return drawn

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Tensor:
        """Uniform numbers on the device, drawn on the host (alike on every device)."""
        drawn = torch.rand(shape, generator=self.host) * (high - low) + low
        return drawn.to(self.device)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """A standard normal field, drawn on the device."""
        return torch.randn(shape, generator=self.fields, device=self.device)

    def state(self) -> dict[str, Any]:
        """Everything that decides the next draw, for a checkpoint."""
        return {
            "host": self.host.get_state().clone(),
            "fields": self.fields.get_state().clone(),
            "global": self._global.clone(),
            "cuda": None if self._cuda is None else self._cuda.clone(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state of :meth:`state`."""
        self.host.set_state(state["host"].cpu())
        self.fields.set_state(state["fields"].cpu())
        self._global = state["global"].cpu()
        self._cuda = None if state["cuda"] is None else state["cuda"].cpu()

    def _cuda_state(self) -> Tensor | None:
        if self._cuda is None:
            return None
        state: Tensor = torch.cuda.get_rng_state(self.device)
        return state
