"""The losses of a step, complete with that of the class head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.learning.class_head import LABELLED, class_terms
from napari_semiseg.learning.losses import Losses
from napari_semiseg.learning.settings import IntensitySettings
from napari_semiseg.learning.supervised import draw_tiles

if TYPE_CHECKING:
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.stage import Stage

_TILES = 4


def losses_of(stage: Stage, step: int, tools: Equipment) -> Losses:
    """The losses of a stage's batch.

    To those of a stage that knows nothing of the class head the head's is added where
    there is one: of a few labelled tiles in a pass of their own, which the stage's
    `cost` does not count.
    """
    losses = stage.losses(step)
    if not tools.n_kinds or LABELLED in losses.terms:
        return losses
    drawn = draw_tiles(tools, tools.batch(_TILES), "inner", None, IntensitySettings())
    _, kinds = tools.outputs(tools.network, drawn.image)
    added = class_terms(kinds, drawn.kinds, counts=drawn.weight)
    terms = {**losses.terms, **added}
    return Losses(terms, losses.coverage)
