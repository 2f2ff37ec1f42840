"""Objects of one labelled tile pasted into another: more scenes from few tiles.

Source: Ghiasi et al., Simple Copy-Paste (2021), section 3: a random part of the objects
of one image, flipped, is pasted into another, and what they cover is covered in its
labels, too. Here they are turned as well, and keep their place and size: those change
in the warp that follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.sampling import LabelledBatch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness

MOST_TILES = 3
"""With more labelled tiles nothing is pasted: they hold scenes enough."""

_SHARE = 0.5  # Of the objects of a tile.


def paste_objects(
    batch: LabelledBatch, probability: float, random: Randomness, *, distinct: bool
) -> LabelledBatch:
    """Paste into a share of the squares whole objects of other squares of the batch.

    Parameters
    ----------
    batch
        Squares before they are warped, see `LabelledBatch`.
    probability
        Share of the squares that get objects.
    distinct
        Whether pasted objects get numbers of their own; not where the numbers are those
        of classes.

    Returns
    -------
    LabelledBatch
        New tensors; only annotated pixels of objects are pasted, only inside the tile.
    """
    n = len(batch.image)
    if n < 2 or probability == 0:
        return batch
    others = torch.roll(torch.arange(n), 1 + random.integer(n - 1))
    turns = random.integers(symmetries.N_SYMMETRIES, n)
    image = symmetries.apply_each(batch.image[others], turns)
    fields = symmetries.apply_each(batch.fields[others], turns)
    chosen = _chosen(fields[:, 0], _whole(fields), random)
    gets = random.uniform(0, 1, (n, 1, 1)) < probability
    pasted = chosen & gets & (batch.fields[:, 2] > 0)
    if distinct:
        new = fields[:, 0] + batch.fields[:, 0].amax((1, 2), keepdim=True)
        fields = torch.cat([new[:, None], fields[:, 1:]], 1)
    where = pasted[:, None]
    return LabelledBatch(
        image.where(where, batch.image), fields.where(where, batch.fields)
    )


def _whole(fields: Tensor) -> Tensor:
    """Per square and number, whether all pixels with it are annotated; ``(B, N)``."""
    ids = fields[:, 0].round().long().clamp_min(0).flatten(1)
    known = (fields[:, 1] * fields[:, 2]).flatten(1)
    shape = (len(ids), int(ids.max()) + 1)
    unknown = torch.zeros(shape, device=ids.device).scatter_add(1, ids, 1 - known)
    whole = unknown == 0
    whole[:, 0] = False  # No object.
    return whole


def _chosen(ids: Tensor, allowed: Tensor, random: Randomness) -> Tensor:
    """Pixels of a random part of the allowed objects, bool ``(B, Y, X)``."""
    drawn = random.uniform(0, 1, tuple(allowed.shape)) < _SHARE
    numbers = ids.round().long().clamp_min(0).flatten(1)
    return (allowed & drawn).gather(1, numbers).view(ids.shape)
