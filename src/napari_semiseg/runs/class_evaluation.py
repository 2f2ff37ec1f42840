"""How good a finished model of a semantic task is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_semiseg.runs.collapse import Foreground
from napari_semiseg.segmentation.semantic import confusion, dice, jaccard, mean_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.learning.training_set import LabelledTile


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """Pixels of each true class by predicted class, tile by tile.

    Attributes
    ----------
    tables
        For each tile int64 ``(K, K)``, see `segmentation.semantic.confusion`.
    names
        Of the K classes, the background first.
    """

    tables: tuple[NDArray[np.int64], ...]
    names: tuple[str, ...]

    score_words: ClassVar[str] = "mean IoU of the classes"

    @property
    def table(self) -> NDArray[np.int64]:
        """All tiles together."""
        total: NDArray[np.int64] = np.sum(self.tables, axis=0)
        return total

    @property
    def score(self) -> float:
        """Mean IoU of the classes that occur; 0 where nothing could be judged."""
        score = mean_iou(self.table)
        return 0.0 if math.isnan(score) else score

    @property
    def mean(self) -> dict[str, float]:
        """Scores by name: over the classes that occur, and of each of them."""
        found, by_dice = jaccard(self.table), dice(self.table)
        occurring = ~np.isnan(found)
        each = {
            f"iou {name}": float(score)
            for name, score, there in zip(self.names, found, occurring, strict=True)
            if there
        }
        mean_dice = float(by_dice[occurring].mean()) if occurring.any() else 0.0
        return {"mean_iou": self.score, "mean_dice": mean_dice, **each}

    @property
    def foreground(self) -> Foreground:
        """How much of the known pixels the model, and the truth, call foreground."""
        table = self.table
        return Foreground(
            int(table[:, 1:].sum()), int(table[1:].sum()), int(table.sum())
        )

    @property
    def collapsed(self) -> bool:
        """Whether the model finds (nearly) only background, or none of it."""
        return self.foreground.collapsed

    @property
    def card_fields(self) -> dict[str, Any]:
        """What was tuned: nothing, the most probable class counts."""
        return {}

    def as_dict(self, tiles: Sequence[LabelledTile]) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "classes": list(self.names),
            "mean": self.mean,
            "confusion": self.table.tolist(),
            "tiles": [
                {
                    "image_id": tile.image_id,
                    "origin": list(tile.origin),
                    "size": list(tile.instances.shape),
                    "confusion": table.tolist(),
                }
                for tile, table in zip(tiles, self.tables, strict=True)
            ],
        }


def evaluate_classes(
    tiles: Sequence[LabelledTile],
    probabilities: Sequence[NDArray[np.float32]],
    classes: Sequence[str],
) -> ClassEvaluation:
    """Score the most probable classes against those of labelled tiles.

    Parameters
    ----------
    probabilities
        Softmax ``(K, *S)`` of each tile.
    classes
        Names without the background.
    """
    tables = tuple(
        confusion(probability.argmax(0), tile.known_classes(), len(probability))
        for tile, probability in zip(tiles, probabilities, strict=True)
    )
    return ClassEvaluation(tables, ("background", *classes))
