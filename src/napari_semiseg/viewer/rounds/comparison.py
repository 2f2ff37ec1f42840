"""Two rounds on the same place of an image, as arrays; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.segmentation.changes import Changes, changes, drawn_changes
from napari_semiseg.segmentation.watershed import (
    connected_components,
    instances_from_probability,
)
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds, stable_ids

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.rounds.sights import Sight
    from napari_semiseg.viewer.teacher.teacher_planes import Rules

_WIDTH = 2  # Pixels of an outline.


@dataclass(frozen=True, eq=False)
class Comparison:
    """What became of objects from an earlier to a later round.

    Attributes
    ----------
    image_id, box
        Where.
    before, after
        The runs.
    changes
        What the models alone find; a person's corrections are left out.
    drawn
        uint8 ``(*box.size)``, see `segmentation.changes.drawn_changes`.
    instances
        Objects of each run, int32 ``(*box.size)``.
    """

    image_id: str
    box: Box
    before: str
    after: str
    changes: Changes
    drawn: NDArray[np.uint8]
    instances: dict[str, NDArray[np.int32]]


def compare(before: Sight, after: Sight, rules: dict[str, Rules]) -> Comparison:
    """Cut out the objects of two rounds, each by its own rules, and compare them."""
    maps = {sight.run: objects(sight, rules[sight.run]) for sight in (before, after)}
    old, new = maps[before.run], maps[after.run]
    found = changes(old, new)
    drawn = drawn_changes(old, new, found, _WIDTH)
    where = before.image_id, before.box
    return Comparison(*where, before.run, after.run, found, drawn, maps)


def objects(sight: Sight, rules: Rules) -> NDArray[np.int32]:
    """The objects that a model finds, int32 ``(*box.size)``, 1 to n."""
    probability, label = sight.whole()
    if rules.task == "semantic":
        return connected_components(label, min_size=rules.min_size)
    return instances_from_probability(
        probability, rules.thresholds, min_size=rules.min_size, form=rules.form
    )


def coloured_alike(
    found: NDArray[np.int32], shown: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Objects by the ids of those shown that they overlap most; others by new ids."""
    return stable_ids(found, shown, FreshIds(int(shown.max(initial=0))))
