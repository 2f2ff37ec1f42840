"""The weights a run began with, from which further networks are made."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.devices import place
from napari_semiseg.learning.networks import build_network, encoder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from napari_semiseg.learning.networks import SegmentationNetwork


class Origin:
    """Makes networks like the first one: the same encoder weights, a new decoder.

    An encoder that began with random weights is drawn anew, too.

    Parameters
    ----------
    network
        As the run began with it.
    seed
        Of the run; each further network has one of its own.
    device
        Where the networks are put.
    encoder_known
        Whether the encoder's weights come from a file or an earlier model.
    partners
        The further networks of the model that the run began with, if it had any.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        seed: int,
        device: torch.device,
        *,
        encoder_known: bool,
        partners: Sequence[SegmentationNetwork] = (),
    ) -> None:
        self._settings = network.settings
        self._shape = (network.n_channels, network.n_classes)
        self._n_kinds = network.n_kinds
        self._seed = seed
        self._device = device
        self._partners = list(partners)
        self._encoder: dict[str, Tensor] | None = None
        encoder = encoder_of(network.body)
        if encoder_known and encoder is not None:
            kept = encoder.state_dict().items()
            self._encoder = {n: v.detach().to("cpu", copy=True) for n, v in kept}

    def network(self, number: int) -> SegmentationNetwork:
        """The ``number``-th further network, from 1; the same at every call."""
        network, _ = build_network(
            self._settings.model_copy(update={"weights": "none"}),
            *self._shape,
            n_kinds=self._n_kinds,
            seed=self._seed + 7919 * number,  # Far from the seeds of other runs.
        )
        network.settings = self._settings
        encoder = encoder_of(network.body)
        if self._encoder is not None and encoder is not None:
            encoder.load_state_dict(self._encoder)
        place(network, self._device)
        return network

    def partner(self, number: int) -> SegmentationNetwork:
        """What learns beside the first network, as its ``number``-th companion.

        Of a model of several networks to start from a copy of one of these, else a
        further network.
        """
        if number > len(self._partners):
            return self.network(number)
        network = copy.deepcopy(self._partners[number - 1])
        place(network, self._device)
        return network

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        partners = [partner.state_dict() for partner in self._partners]
        return {"encoder": self._encoder, "partners": partners}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._encoder = state["encoder"]
        self._partners = []
        for weights in state.get("partners", []):
            partner = self.network(1)
            partner.load_state_dict(weights)
            self._partners.append(partner)
