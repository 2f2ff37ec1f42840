"""What one network of a pair tells the other of unlabelled crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning import mixing
from napari_semiseg.learning.losses import cross_entropy
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.supervised import LabelledTiles

_ORDER = 7  # The middle one of 7 uniform numbers has the distribution Beta(4, 4).


@dataclass(frozen=True)
class Lesson:
    """Crops, and what one network says of them to the other.

    Attributes
    ----------
    image
        float32 ``(B, C, *S)``.
    fixed, dynamic
        int64 ``(B, *S)``: the two pseudo-labels.
    fixed_counts, dynamic_counts
        bool ``(B, *S)``: where each of them counts.
    valid
        bool ``(B, *S)``: over which the losses are averaged.
    weight
        float32 ``(B, *S)``: how much each pixel counts, 1 unless a person accepted it.
    """

    image: Tensor
    fixed: Tensor
    dynamic: Tensor
    fixed_counts: Tensor
    dynamic_counts: Tensor
    valid: Tensor
    weight: Tensor

    @classmethod
    def of_labels(cls, tiles: LabelledTiles) -> Lesson:
        """Labelled tiles as crops whose pseudo-labels are right."""
        known = tiles.target != IGNORE
        label = tiles.target.where(known, 0)
        return cls(tiles.image, label, label, known, known, known, tiles.weight)

    @property
    def coverage(self) -> Tensor:
        """Share of the valid pixels whose fixed pseudo-label counts."""
        return self.fixed_counts.sum() / self.valid.sum().clamp_min(1)

    def __len__(self) -> int:
        return len(self.image)

    def __add__(self, other: Lesson) -> Lesson:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Lesson(*(torch.cat(pair) for pair in pairs))

    def losses(self, logits: Tensor) -> dict[str, Tensor]:
        """L_fix and L_dyn: cross-entropy with either pseudo-label.

        Over all valid pixels, not over those that count: doubtful crops count for less.

        Parameters
        ----------
        logits
            float ``(B, K, *S)`` of the network that learns.
        """
        n_valid = self.valid.sum().clamp_min(1)
        each = {
            "fixed": (self.fixed, self.fixed_counts),
            "dynamic": (self.dynamic, self.dynamic_counts),
        }
        return {
            name: (cross_entropy(logits, label) * counts * self.weight).sum() / n_valid
            for name, (label, counts) in each.items()
        }


def draw_boxes(n: int, shape: tuple[int, ...], random: Randomness) -> Tensor:
    """Boxes whose share of the plane is distributed as Beta(4, 4).

    As flat as the plane itself, anywhere in it, and through all of a volume's depth.
    bool ``(n, *shape)``.
    """
    area = random.uniform(0, 1, (n, _ORDER)).sort(1).values[:, _ORDER // 2]
    box = torch.ones((), dtype=torch.bool, device=random.device)
    for axis in (-2, -1):
        length = shape[axis]
        side = (area.sqrt() * length).round().clamp(1, length)
        start = random.uniform(0, 1, (n,)) * (length - side + 1)
        start = start.floor().minimum(length - side)
        along = torch.arange(length, device=random.device)
        inside = (along >= start[:, None]) & (along < (start + side)[:, None])
        box = box & inside.view(n, *(length if a == axis else 1 for a in (-2, -1)))
    return box.view(n, *(1,) * (len(shape) - 2), *box.shape[1:]).expand(n, *shape)


def cut_and_mixed(
    lesson: Lesson,
    numbers: Tensor,
    random: Randomness,
    others: Lesson | None = None,
) -> Lesson:
    """CUT: each crop with a box of another one, pseudo-labels and masks cut alike.

    Parameters
    ----------
    numbers
        int64 ``(B,)``: which image each crop is of; its partner is of another one.
    others
        Further crops to take boxes from, in place of those of ``lesson``, where these
        are all of one image. None: a crop without a partner stays as it is.

    Returns
    -------
    Lesson
        As many crops.
    """
    n, pool = len(lesson), lesson
    if others is not None:
        pool = lesson + others
        own = torch.full((n,), -1, device=numbers.device)
        theirs = torch.arange(len(others), device=numbers.device)
        numbers = torch.cat([own, theirs])
    partners, _ = mixing.draw_partners(numbers, random)
    boxes = draw_boxes(n, tuple(lesson.valid.shape[1:]), random)
    # Of the pool's own partners only those of the lesson's crops are of use.
    return Lesson(
        *(
            _pasted(x, y, partners[:n], boxes)
            for x, y in zip(vars(lesson).values(), vars(pool).values(), strict=True)
        )
    )


def _pasted(x: Tensor, pool: Tensor, partners: Tensor, boxes: Tensor) -> Tensor:
    inside = boxes if x.ndim == boxes.ndim else boxes[:, None]
    return pool[partners].where(inside, x)
