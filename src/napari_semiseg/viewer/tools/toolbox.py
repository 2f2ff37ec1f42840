"""The tools that correct objects: which is in hand, and what its gestures do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.tools import object_tools
from napari_semiseg.viewer.tools.brushes import Brushes
from napari_semiseg.viewer.tools.finding import Finder
from napari_semiseg.viewer.tools.gestures import Gestures
from napari_semiseg.viewer.tools.grounds import TileGround
from napari_semiseg.viewer.tools.object_tools import NothingDone
from napari_semiseg.viewer.tools.tool_words import BRUSHES, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tools.brushes import Home
    from napari_semiseg.viewer.tools.grounds import Ground

_AT_ONCE = ("grow", "shrink", "fill holes")  # Their keys act under the cursor.


class Toolbox(QObject):
    """Inside the tile in hand tools change its labels, elsewhere the objects shown.

    A line or rectangle that meets the tile is for its objects, as long as there are any
    to change.

    A tool stays in hand until Escape, its key or button, or another tool.

    Attributes
    ----------
    active
        The name of the tool in hand, of `TOOLS`; None: none, or a brush.
    done
        What it did last, or why nothing, in words.
    """

    changed = Signal()
    """Another tool is in hand, or it did something."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.active: str | None = None
        self.done = ""
        self._first: tuple[type, int] | None = None
        self._brushes = Brushes(desk, self)
        self._finder = Finder(desk)
        self._gestures = Gestures(desk.viewer, self)
        for signal, slot in self._connections():
            signal.connect(slot)
        for name in TOOLS:
            desk.keys.bind(name, partial(self._on_key, name))

    @property
    def hint(self) -> str:
        """What to do with the tool in hand; empty: none is."""
        if self.active is None:
            return ""
        words = TOOLS[self.active].hint
        if self._first is not None:
            words = f"Merge: click the object that belongs to object {self._first[1]}."
        return f"{self.done} {words} Esc ends.".strip()

    def why_not_on_model(self) -> str | None:
        """Why objects of the image cannot be changed, a sentence; None: they can."""
        session = self._desk.session
        if session.project is None:
            return "Open a project first."
        if session.read_only:
            return session.read_only
        if session.item is None or not self._desk.teacher.ready:
            return "Choose an image in step 1 first."
        return None

    def press(self, name: str, home: Home) -> None:
        """What the button of a tool does."""
        if name in BRUSHES:
            self._take_brush(name, home)
        else:
            self.take(None if self.active == name else name)

    def take(self, name: str | None) -> None:
        """Take a tool in hand that is no brush, or put it away (None)."""
        if name is not None and self._refused():
            name = None
        before, self.active = self.active, name
        self._first, self.done = None, ""
        if name is None:
            self._gestures.end()
        else:
            self._desk.reviewing.tool.take(None)
            self._gestures.begin(TOOLS[name].form)
        if before != name:
            self.changed.emit()

    def put_away(self) -> None:
        """Take no tool in hand."""
        self.take(None)

    def click(self, world: Any) -> None:
        """Use the tool in hand at a place in the world."""
        if self.active is not None:
            self._do(partial(self._at, self.active, world))

    def drag(self, start: Any, end: Any) -> None:
        """Use the tool in hand from one place in the world to another."""
        if self.active is not None:
            self._do(partial(self._along, self.active, start, end))

    def close(self) -> None:
        """Put the tool away, and let go of the viewer."""
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self.active = None
        self._gestures.close()
        self._brushes.close()

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        session = self._desk.session
        return [
            (session.image_changed, self.put_away),
            (session.project_changed, self.put_away),
            (session.tile_changed, self._forget),
            (self._desk.reviewing.tool.changed, self._on_clicker),
            (self._gestures.clicked, self.click),
            (self._gestures.dragged, self.drag),
            (self._gestures.ended, self.put_away),
        ]

    def _on_key(self, name: str) -> None:
        if name in BRUSHES:
            self._take_brush(name, None)
        elif name not in _AT_ONCE:
            self.take(None if self.active == name else name)
        elif not self._refused():
            viewer = self._desk.viewer
            if viewer.mouse_over_canvas:
                self._do(partial(self._at, name, viewer.cursor.position))
            else:
                self._say(f"Point at an object and press {KEYS[name].shown}.")

    def _take_brush(self, name: str, home: Home | None) -> None:
        self.put_away()
        self._brushes.take(name, home)

    def _on_clicker(self) -> None:
        if self._desk.reviewing.tool.clicking is not None:
            self.put_away()

    def _forget(self) -> None:
        if self._first is not None:
            self._first = None
            self.changed.emit()

    def _do(self, act: Callable[[], str]) -> None:
        """Do it and show what was done, or say why not."""
        try:
            self.done = act()
        except NothingDone as why_not:
            self.done = str(why_not)
            if self.active is None:
                self._say(self.done)
        self._gestures.rest()
        self.changed.emit()

    def _at(self, name: str, world: Any) -> str:
        """What a tool does at a place in the world; what was done."""
        ground = self._finder.at(world)
        pixel = self._finder.pixel(ground, world)
        if name == "merge":
            return self._merge(ground, object_tools.object_at(ground, pixel))
        if name == "fill holes":
            in_tile = isinstance(ground, TileGround)
            return object_tools.fill(ground, pixel, all_of_them=in_tile)
        acts = {
            "split": object_tools.take_apart,
            "erase": object_tools.remove,
            "grow": object_tools.enlarge,
            "shrink": object_tools.reduce,
        }
        return acts[name](ground, pixel)

    def _along(self, name: str, start: Any, end: Any) -> str:
        """What a tool does from one place in the world to another."""
        if name == "merge":
            self._first = None
            self._at(name, start)
            return self._at(name, end)
        act = {"split": object_tools.cut, "erase": object_tools.clear}[name]
        why_not: NothingDone | None = None
        for ground in self._finder.along(start, end, TOOLS[name].form or "line"):
            pixels = (self._finder.pixel(ground, world) for world in (start, end))
            try:
                return act(ground, *pixels)
            except NothingDone as reason:
                why_not = why_not or reason
        raise why_not or NothingDone("")

    def _merge(self, ground: Ground, number: int) -> str:
        """Take the first object, or join the second one to it."""
        if not number:
            self._first = None
            raise NothingDone("There is no object here: point at one.")
        first, self._first = self._first, None
        if first is None or first == (type(ground), number):
            self._first = (type(ground), number)
            return ""
        if first[0] is not type(ground):
            raise NothingDone(
                "One of them lies in the tile in hand, the other one does not: they "
                "stay two."
            )
        return object_tools.join(ground, first[1], number)

    def _refused(self) -> bool:
        """Whether there are no single objects; a sentence says so."""
        semantic: bool = self._desk.annotating.tools.semantic
        if semantic:
            self._say("This project has classes, not single objects: choose a class.")
        return semantic

    def _say(self, sentence: str) -> None:
        if sentence:
            self._desk.session.say(sentence)
