"""Who owns a pixel, and how the work of a person and of a teacher come together."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Owner(IntEnum):
    """Who decided about a pixel; from `ACCEPTED` on, no model may write it."""

    NOBODY = 0
    TEACHER = 1
    ACCEPTED = 2
    HUMAN = 3
    IGNORED = 4


def merge(
    human: NDArray[np.int32],
    teacher: NDArray[np.int32],
    claimed: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Lay a person's objects over a teacher's; the person's pixels always win.

    Parameters
    ----------
    human
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    teacher
        int32 ``(*S)``: 0 background, ids >= 1.
    claimed
        bool ``(*S)``: where the person decides, also that there is no object. None:
        where ``human`` is not 0.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: the person's ids as they are; the teacher's raised by the largest of
        them. Of a teacher's object less than half of which is left, nothing stays: it
        is another opinion about an object that the person has drawn.
    """
    if claimed is None:
        claimed = human != 0
    ids = np.maximum(teacher, 0)
    names, dense = np.unique(ids, return_inverse=True)
    dense = dense.reshape(ids.shape)
    whole = np.bincount(dense.ravel(), minlength=len(names))
    left = np.bincount(dense[~claimed], minlength=len(names))
    raised = names.astype(np.int64) + max(int(human.max(initial=0)), 0)
    raised[(2 * left < whole) | (names == 0)] = 0
    return np.where(claimed, human, raised[dense]).astype(np.int32)
