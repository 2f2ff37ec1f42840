"""What a teacher was asked, and what it has seen; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, prod
from typing import TYPE_CHECKING

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from napari_semiseg.viewer.teacher.teachers import Teacher

_PATIENCE = 60.0  # Seconds after which a run that did not answer is asked again.
_MOST = 64  # Places to remember.
# 1024 x 1024 pixels take some 17 s on two cores.
_CPU_SIDE, _GPU_SIDE = 512, 2048


@dataclass(frozen=True)
class Question:
    """How a teacher sees a box of an image; asked at a step, and a time in seconds."""

    image_id: str
    box: Box
    teacher: Teacher
    step: int | None
    since: float


class Questions:
    """Questions that await their answers, and places that need not be asked for."""

    def __init__(self) -> None:
        self._awaited: dict[str, Question] = {}
        self._seen: list[Question] = []

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._awaited)

    def awaits(self, request: str | None) -> bool:
        """Whether this request was asked here and has not been answered."""
        return request in self._awaited

    def put(self, request: str, question: Question) -> None:
        """Note that something was asked."""
        self._awaited[request] = question

    def take(self, request: str) -> Question:
        """The question of a request that has been answered; raises KeyError."""
        return self._awaited.pop(request)

    def note_seen(self, question: Question, box: Box) -> None:
        """Note what an answer covers."""
        self._seen = [*self._seen[1 - _MOST :], replace(question, box=box)]

    def unseen(self, image_id: str, teacher: Teacher, box: Box) -> Box:
        """A box of pixels that a teacher has not seen, a large one; empty: it has."""
        parts = [box]
        for seen in self._seen:
            if (seen.image_id, seen.teacher) == (image_id, teacher):
                parts = [rest for part in parts for rest in _without(part, seen.box)]
        nothing = Box(box.origin, (0,) * len(box.size))
        return max(parts, key=lambda part: prod(part.size), default=nothing)

    def is_worth_waiting(self, image_id: str, teacher: Teacher, box: Box) -> bool:
        """Whether an answer is on its way that should come first.

        The server leaves a question about a place that nobody looks at any more; a run
        answers each, at the cost of its training.
        """
        return any(
            (asked.image_id, asked.teacher) == (image_id, teacher)
            and (teacher.lives or asked.box.overlaps(box))
            for asked in self._awaited.values()
        )

    def forget_awaited(self) -> None:
        """Expect no answer any more."""
        self._awaited.clear()

    def forget_seen(self) -> None:
        """Everything is to be seen anew."""
        self._seen.clear()

    def forget_runs(self, teacher: Teacher | None) -> None:
        """Expect no answer of a run that is left, for another teacher."""
        self._awaited = {
            request: asked
            for request, asked in self._awaited.items()
            if not asked.teacher.lives or asked.teacher == teacher
        }

    def forget_older(self, step: int | None) -> None:
        """Places that a run has seen at another step are to be seen anew."""
        self._seen = [s for s in self._seen if not s.teacher.lives or s.step == step]

    def forget_silent(self, now: float) -> None:
        """A run that has been silent for long has lost the question."""
        self._awaited = {
            request: asked
            for request, asked in self._awaited.items()
            if not asked.teacher.lives or now - asked.since < _PATIENCE
        }


def longest_side(device: str | None) -> int:
    """How many pixels an answer may have along each side, by where it is made."""
    on_cpu = (device or "cpu").lower().startswith("cpu")
    return _CPU_SIDE if on_cpu else _GPU_SIDE


def middle(box: Box, side: int) -> Box:
    """The middle of a box, at most ``side`` pixels along each axis."""
    size = tuple(min(side, s) for s in box.size)
    pairs = zip(box.origin, box.size, size, strict=True)
    return Box(tuple(o + (s - kept) // 2 for o, s, kept in pairs), size)


def most_central_piece(box: Box, side: int) -> Box:
    """Of equal pieces of at most ``side`` pixels, one nearest to the middle."""
    origin, size = [], []
    for first, length in zip(box.origin, box.size, strict=True):
        count = max(1, ceil(length / side))
        place = (count - 1) // 2
        start, end = length * place // count, length * (place + 1) // count
        origin.append(first + start)
        size.append(end - start)
    return Box(tuple(origin), tuple(size))


def _without(box: Box, hole: Box) -> list[Box]:
    """What is left of a box, in boxes that do not overlap."""
    shared = box.intersection(hole)
    if shared.empty:
        return [box]
    parts, origin, end = [], list(box.origin), list(box.end)
    for axis in range(len(origin)):
        for start, stop in (
            (origin[axis], shared.origin[axis]),
            (shared.end[axis], end[axis]),
        ):
            if start < stop:
                first, last = list(origin), list(end)
                first[axis], last[axis] = start, stop
                size = tuple(b - a for a, b in zip(first, last, strict=True))
                parts.append(Box(tuple(first), size))
        origin[axis], end[axis] = shared.origin[axis], shared.end[axis]
    return parts
