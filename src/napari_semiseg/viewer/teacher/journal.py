"""What a person changed, step by step, so that it can be taken back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.project.corrections import ObjectRecord

Plane: TypeAlias = Literal["instances", "owners", "classes", "trust"]
"""A plane of the corrections; of a finished tile there is only the first."""

_STEPS = 100  # As many as napari keeps.


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels of one plane before and after an act.

    Attributes
    ----------
    tile
        The finished tile whose labels were changed; None: the corrections.
    plane
        Which plane.
    box
        Where the pixels lie in the image.
    where
        Their coordinates relative to the origin of ``box``, one array an axis.
    before, after
        Their values, ``(n,)``.
    """

    tile: Box | None
    plane: Plane
    box: Box
    where: tuple[NDArray[np.intp], ...]
    before: NDArray[Any]
    after: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Step:
    """One act: the pixels and the objects it changed.

    Attributes
    ----------
    patches
        In the order they were made.
    records
        Of each object that changed: its record before and after; None: there was none.
    renamed
        Objects of the teacher that got another id, old to new, as the person took over
        the old one.
    """

    patches: tuple[Patch, ...] = ()
    records: Mapping[int, tuple[ObjectRecord | None, ObjectRecord | None]] = field(
        default_factory=dict
    )
    renamed: Mapping[int, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was changed."""
        return not self.patches and not self.records

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where pixels were changed, in the image."""
        return tuple(patch.box for patch in self.patches)


class Journal:
    """The last steps, and those that were taken back."""

    def __init__(self) -> None:
        self._done: deque[Step] = deque(maxlen=_STEPS)
        self._undone: deque[Step] = deque(maxlen=_STEPS)

    @property
    def last(self) -> Step | None:
        """The step that would be taken back."""
        return self._done[-1] if self._done else None

    def note(self, step: Step, *, join: bool = False) -> None:
        """Remember a step; those that were taken back are forgotten.

        Parameters
        ----------
        join
            Make it one with the last step.
        """
        if step.empty:
            return
        if join and self._done:
            step = _joined(self._done.pop(), step)
        self._done.append(step)
        self._undone.clear()

    def undo(self) -> Step | None:
        """The step to take back; None: there is none."""
        return _move(self._done, self._undone)

    def redo(self) -> Step | None:
        """The step to do again; None: there is none."""
        return _move(self._undone, self._done)

    def forget_tiles(self) -> None:
        """Forget all steps up to the last one that changed a tile's labels."""
        for steps in (self._done, self._undone):
            kept = deque(_until(reversed(steps), _touches_tile), maxlen=_STEPS)
            kept.reverse()
            steps.clear()
            steps.extend(kept)


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box around some boxes.

    Raises
    ------
    ValueError
        When there is none.
    """
    found = list(boxes)
    origin = tuple(map(min, *(box.origin for box in found), found[0].origin))
    end = tuple(map(max, *(box.end for box in found), found[0].end))
    return Box(origin, tuple(e - o for o, e in zip(origin, end, strict=True)))


def _move(source: deque[Step], target: deque[Step]) -> Step | None:
    if not source:
        return None
    target.append(source.pop())
    return target[-1]


def _joined(first: Step, then: Step) -> Step:
    records = dict(first.records)
    for number, (before, after) in then.records.items():
        records[number] = (records.get(number, (before, after))[0], after)
    return Step(
        first.patches + then.patches, records, {**first.renamed, **then.renamed}
    )


def _until(steps: Iterable[Step], last: Any) -> Iterable[Step]:
    for step in steps:
        if last(step):
            return
        yield step


def _touches_tile(step: Step) -> bool:
    return any(patch.tile is not None for patch in step.patches)
