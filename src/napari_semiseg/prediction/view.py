"""What a finished model sees of a region, as a run shows it while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.learning.report import PreviewArrays
from napari_semiseg.segmentation.selecting import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.told import Told
    from napari_semiseg.prediction.predictor import Predictor


@dataclass(frozen=True)
class ModelView:
    """A model that can be asked for previews.

    Attributes
    ----------
    predictor
        The model.
    attend
        Called after every tile; may raise to leave.
    read_told
        What a person says of the pixels of a box now; None: nothing.
    """

    predictor: Predictor
    attend: Callable[[], None] = lambda: None
    read_told: Callable[[Box], Told] | None = None

    def preview(
        self, source: ImageSource, box: Box, image_id: str = ""
    ) -> PreviewArrays:
        """Probability, label, confidence, and the pixels its training would trust."""
        found = self.predictor.all_probabilities(
            source, box, progress=lambda done, total: self.attend()
        )
        n_classes = self.predictor.model.card.n_classes
        probability, kinds = found[:n_classes], found[n_classes:]
        kind = (kinds.argmax(0) + 1).astype(np.uint8) if len(kinds) else None
        label = probability.argmax(0).astype(np.uint8)
        confidence = probability.max(0)
        selection = self.predictor.model.card.selection
        selected = selected_pixels(label, confidence, selection)
        if selection is not None and self.read_told is not None:
            label, selected = self._told(self.read_told(box), label, selected)
        return PreviewArrays(probability, label, confidence, selected, kind)

    def _told(
        self, told: Told, label: NDArray[np.uint8], selected: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Label and mask as a training of this model would take them now."""
        import torch  # Slow to import.

        from napari_semiseg.learning.said import LabelRules, said_of

        card = self.predictor.model.card
        rules = LabelRules(card.task, card.boundary_mode)
        said = said_of(told, rules, torch.device("cpu"))
        labels = said.label(torch.from_numpy(label.astype(np.int64))[None])
        mask = said.selected(torch.from_numpy(selected)[None])
        return labels[0].numpy().astype(np.uint8), mask[0].numpy()


def selected_pixels(
    label: NDArray[np.uint8],
    confidence: NDArray[np.float32],
    selection: Sequence[float | None] | None,
) -> NDArray[np.bool_]:
    """Mask of the pixels above the threshold of their class, bool ``(*S)``.

    Parameters
    ----------
    label, confidence
        ``(*S)``: the most probable class, and its probability.
    selection
        A model card's: None of a class, or in all, selects nothing.
    """
    if selection is None:
        return np.zeros(label.shape, bool)
    return at_least(selection, label, confidence)
