"""Which labelled ground a model and its ancestors have learned from; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class LearnedBox:
    """A box of an image that a model was trained on, with its labels.

    The same image is told by its hash where both are known (the model may come from
    another project), else by its id.
    """

    image_id: str
    image_hash: str
    box: Box

    def touches(self, image_id: str, image_hash: str, box: Box) -> bool:
        """Whether it shares a pixel with a box of an image."""
        if self.image_hash and image_hash:
            same = self.image_hash == image_hash
        else:
            same = self.image_id == image_id
        return (
            same and len(box.origin) == len(self.box.origin) and self.box.overlaps(box)
        )


def learned_boxes(card: Mapping[str, Any]) -> tuple[LearnedBox, ...]:
    """All that a model and its ancestors were trained on.

    Parameters
    ----------
    card
        The content of its ``model.json``.
    """
    generations = [card, *card.get("ancestors", ())]
    return tuple(
        _boxes(tile for one in generations for tile in one.get("trained_on", ()))
    )


def _boxes(tiles: Iterable[Mapping[str, Any]]) -> list[LearnedBox]:
    return [
        LearnedBox(
            tile["image_id"],
            tile.get("image_hash", ""),
            Box(tuple(tile["origin"]), tuple(tile["size"])),
        )
        for tile in tiles
    ]
