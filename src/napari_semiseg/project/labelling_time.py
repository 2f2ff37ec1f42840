"""How long people have labelled: active seconds by tile, kept beside the labels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box  # noqa: TC001 (pydantic reads it)
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.migrations import read_record
from napari_semiseg.project.records import FrozenRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

_VERSION = 1
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TileTime(FrozenRecord):
    """Active seconds of labelling in one tile, which may be gone by now."""

    box: Box
    seconds: _Seconds


class LabellingTimes(FrozenRecord):
    """``time.json`` of an image; ``elsewhere`` are corrections outside tiles."""

    schema_version: int = _VERSION
    image_id: str
    tiles: tuple[TileTime, ...] = ()
    elsewhere: _Seconds = 0.0


class LabellingTime:
    """The time that labelling took; the one writer of the files ``time.json``.

    Parameters
    ----------
    project
        Where the images are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def add(self, item: ImageItem, box: Box | None, seconds: float) -> None:
        """Add active time, as an `ActivityClock` measures it.

        Parameters
        ----------
        box
            The tile; None: corrections outside tiles.

        Raises
        ------
        SemisegError
            When another program changes the annotations, or the time is negative.
        """
        if not 0 <= seconds < float("inf"):
            raise SemisegError(
                f"A time of {seconds} s cannot be added: give 0 or more."
            )
        with annotation_change(self._project):
            known = self.times(item)
            if box is None:
                changed: dict[str, Any] = {"elsewhere": known.elsewhere + seconds}
            else:
                by_box = {one.box: one.seconds for one in known.tiles}
                by_box[box] = by_box.get(box, 0.0) + seconds
                tiles = (TileTime(box=b, seconds=s) for b, s in sorted(by_box.items()))
                changed = {"tiles": tuple(tiles)}
            new = known.model_copy(update=changed)
            make_folder(self._path(item).parent)
            write_json(self._path(item), new.model_dump(mode="json"))

    def times(self, item: ImageItem) -> LabellingTimes:
        """What was recorded for an image; nothing yet: no tile and 0 seconds."""
        path = self._path(item)
        if not path.is_file():
            return LabellingTimes(image_id=item.id)
        return read_record(path, LabellingTimes, _VERSION, {})

    def total(self) -> float | None:
        """Seconds for all images together; None: nobody ever recorded any."""
        found = [
            self.times(item)
            for item in self._project.images
            if self._path(item).exists()
        ]
        if not found:
            return None
        return sum(
            one.elsewhere + sum(tile.seconds for tile in one.tiles) for one in found
        )

    def _path(self, item: ImageItem) -> Path:
        return self._project.folder / "annotations" / item.id / "time.json"


class ActivityClock:
    """Counts the time in which somebody is at work.

    The time between two acts counts unless it is longer than ``pause``: then somebody
    was away, or looked at something else.

    Parameters
    ----------
    pause
        Seconds.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, pause: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause, self._clock = pause, clock
        self._last: float | None = None
        self._active = 0.0

    def act(self) -> None:
        """Something was done: a stroke, a key, a click."""
        now = self._clock()
        gap = self._pause + 1 if self._last is None else now - self._last
        self._active += gap if gap <= self._pause else 0.0
        self._last = now

    def take(self) -> float:
        """Active seconds since the last call; they are counted no second time."""
        taken, self._active = self._active, 0.0
        return taken
