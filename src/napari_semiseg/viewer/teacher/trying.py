"""Trying another rule for the pixels that the training uses, on what is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.teacher.journal import hull
from napari_semiseg.viewer.teacher.teacher_planes import known_box

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.teacher_planes import Rules, TeacherPlanes


def with_trial(
    planes: TeacherPlanes, region: Box, rules: Rules
) -> tuple[TeacherPlanes, Box]:
    """The planes with the pixels that ``rules.selecting`` keeps; the old ones stay.

    Parameters
    ----------
    region
        Where something else is to be shown in any case.

    Returns
    -------
    tuple of TeacherPlanes and Box
        And where something else is to be shown: percentiles are of all that is known.
    """
    everywhere = known_box(planes)
    changed = hull([box for box in (region, everywhere) if not box.empty] or [region])
    if rules.selecting is None or planes.probability is None:
        if planes.tried is None:
            return planes, region
        return replace(planes, tried=None), changed
    # Not the label that is shown: a person's classes are no matter of confidence.
    label = planes.probability.argmax(0).astype(np.uint8)
    tried = rules.selecting.select(
        label, planes.confidence, len(planes.probability), planes.known
    )
    return replace(planes, tried=tried & planes.known), changed
