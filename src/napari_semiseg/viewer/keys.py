"""The keys of the dock: one table for the buttons and for the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QKeySequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.viewer.desk import Desk


@dataclass(frozen=True)
class Key:
    """A key and what it does.

    Attributes
    ----------
    sequence
        As napari reads it, e.g. ``Shift+S``.
    words
        What pressing it does.
    """

    sequence: str
    words: str

    @property
    def shown(self) -> str:
        """The key as this computer writes it."""
        native = QKeySequence.SequenceFormat.NativeText
        shown = QKeySequence(self.sequence).toString(native)
        # A lone comma behind a word would be taken for punctuation.
        return shown if shown.isalnum() or len(shown) > 1 else f"({shown})"

    @property
    def short(self) -> str:
        """The key as napari's own hints write it, for where there is little room."""
        return self.shown.replace("Shift+", "⇧")


# None of them is a key of napari's own, for whichever layer is active.
KEYS: dict[str, Key] = {
    "new id": Key("N", "Paint the next object"),
    "split": Key("Shift+S", "Cut objects along a line, or into their pieces"),
    "merge": Key("Shift+M", "Make two objects one"),
    "erase": Key("Shift+E", "Erase the objects in a box"),
    "grow": Key("G", "Make the object under the cursor one pixel larger"),
    "shrink": Key("J", "Make the object under the cursor one pixel smaller"),
    "fill holes": Key("Q", "Fill the holes of the object under the cursor"),
    "background brush": Key("Shift+B", "Paint where there is no object"),
    "ignore": Key("Shift+I", "Paint pixels that nothing is to be learned from"),
    "fill": Key("Shift+F", "Fill the tile with the objects of the model"),
    "give class": Key("Shift+C", "Make an object one of the chosen class"),
    "background": Key("Ctrl+0", "Paint background"),
    **{
        f"class {n}": Key(f"Ctrl+{n}", f"Paint class {n} of the list")
        for n in range(1, 10)
    },
    "previous tile": Key(",", "Go to the tile before"),
    "next tile": Key(".", "Go to the next tile"),
    "done": Key("Shift+D", "Every object of the tile is outlined"),
    "no objects": Key("0", "There is no object in the tile"),
    "validation": Key("H", "Done, and held out to measure the model"),
    "to do": Key("U", "The tile is not done yet"),
    "accept object": Key("K", "Accept the object under the cursor"),
    "accept tile": Key("Shift+K", "Accept all objects of a tile"),
    "reject": Key("Shift+X", "Reject the object under the cursor"),
    "needs work": Key("Shift+U", "Mark the place here as a tile to label"),
    "give back": Key("Shift+G", "Give a correction back to the model"),
    "next image": Key("Shift+N", "Go to the image most worth a look"),
    "teacher layers": Key("Shift+W", "Show or hide the layers of the model"),
    "other round": Key("9", "See the other round as long as the key is held"),
    "peek": Key("W", "See the bare image as long as the key is held"),
}
"""All keys, by the name of what they do."""


class Keys(QObject):
    """Binds functions to keys of the viewer while the dock lives."""

    pressed = Signal(str)
    """A key was pressed: its name."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._viewer = desk.viewer
        self._before: dict[str, Any] = {}

    def bind(
        self,
        name: str,
        press: Callable[[], object],
        release: Callable[[], object] | None = None,
    ) -> None:
        """Call a function when a key is pressed, and another when it is let go.

        Parameters
        ----------
        name
            One of `KEYS`.
        """
        key = coerce_keybinding(KEYS[name].sequence)
        self._before.setdefault(name, self._viewer.keymap.get(key))

        def told() -> None:
            self.pressed.emit(name)
            press()

        bound = _held(told, release) if release else _pressed(told)
        self._viewer.bind_key(key, bound, overwrite=True)

    def close(self) -> None:
        """Give the keys back to those who had them before."""
        for name, before in self._before.items():
            key = coerce_keybinding(KEYS[name].sequence)
            self._viewer.keymap.pop(key, None)
            if before is not None:
                self._viewer.keymap[key] = before
        self._before = {}


def _pressed(press: Callable[[], object]) -> Callable[[Any], None]:
    def bound(viewer: Any) -> None:
        press()

    return bound


def _held(
    press: Callable[[], object], release: Callable[[], object]
) -> Callable[[Any], Iterator[None]]:
    def bound(viewer: Any) -> Iterator[None]:
        press()
        yield
        release()

    return bound
