"""Seeing another round in the place of the one in view, as long as a key is held."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.rounds.change_layers import other_round_layer
from napari_semiseg.viewer.rounds.comparison import coloured_alike
from napari_semiseg.viewer.teacher.layer_making import CONFIDENCE, NAMES

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.rounds.comparing import Comparing
    from napari_semiseg.viewer.rounds.comparison import Comparison

_TOPIC = "blinking"
_TEACHER = {*NAMES.values(), CONFIDENCE}
_HANDS_OFF = (
    "You see another round as long as the key is held: let go of it to correct objects."
)


class Blinking:
    """Holds the objects of the other round ready, and shows them in a moment.

    Meanwhile the layers of the model are hidden, and nothing can be corrected on them:
    a stroke would meet objects that are not seen. A person's own objects stay.
    """

    def __init__(self, desk: Desk, comparing: Comparing) -> None:
        self._desk, self._comparing = desk, comparing
        self._layer = other_round_layer(desk.viewer, self._on_gone)
        self._of: Comparison | None = None
        self._objects: NDArray[np.int32] | None = None
        self._hidden: list[Layer] = []
        self.held = False
        comparing.changed.connect(self._prepare)

    @property
    def ready(self) -> bool:
        """Whether the other round can be seen at once."""
        return self._objects is not None and self._of is self._comparing.result

    def press(self) -> None:
        """Show the other round; asks for it first where it is not known."""
        if self.held or self._desk.teacher.holding:
            return
        if not self.ready or self._of is None or self._objects is None:
            self._say_why_not()
            return
        self.held = True
        self._desk.session.hands_off = _HANDS_OFF
        array = self._with_own(self._of, self._objects)
        self._layer.show(array, self._desk.session.placement, self._of.box)
        self._layer.set_visible(True)
        found = [la for la in self._desk.viewer.layers if use_of(la) in _TEACHER]
        self._hidden = [layer for layer in found if layer.visible]
        for layer in self._hidden:
            layer.visible = False

    def release(self) -> None:
        """Show the round in view again."""
        if not self.held:
            return
        self.held = False
        self._desk.session.hands_off = None
        hidden, self._hidden = self._hidden, []
        for layer in hidden:
            if layer in self._desk.viewer.layers:
                layer.visible = True
        self._layer.set_visible(False)

    def close(self) -> None:
        """Remove the layer, and let go of the others."""
        self.release()
        self._comparing.changed.disconnect(self._prepare)
        self._desk.background.forget(_TOPIC)
        self._layer.close()

    def _prepare(self) -> None:
        """Give the other round's objects the colours of those in view."""
        result, other = self._comparing.result, self._comparing.other
        if result is self._of:
            return
        self.release()
        self._of, self._objects = result, None
        self._desk.background.forget(_TOPIC)
        if result is None or other is None:
            self._layer.remove()
            return
        shown = self._desk.teacher.shown_in(result.box)
        found = result.instances.get(other.run)
        if shown is None or found is None:
            return
        self._desk.background.submit(
            partial(coloured_alike, found, np.maximum(shown.instances, 0)),
            self._keep,
            topic=_TOPIC,
        )

    def _keep(self, objects: NDArray[np.int32]) -> None:
        self._objects = objects
        if self._of is not None:  # Made now, a key shows it in a moment.
            place = self._desk.session.placement
            self._layer.show(objects, place, self._of.box)
        self._comparing.changed.emit()

    def _with_own(
        self, of: Comparison, objects: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Objects with those of the person, as they are now, on top."""
        shown = self._desk.teacher.shown_in(of.box)
        if shown is None:
            return objects.copy()
        return np.where(shown.decided, shown.instances, objects)

    def _say_why_not(self) -> None:
        comparing, session = self._comparing, self._desk.session
        reason = comparing.why_not()
        if reason is None and comparing.other is not None:
            number = comparing.other.number
            reason = f"Round {number} is being looked at: press the key again soon."
            comparing.set_on(True)
        session.say(reason or "There is no other round.")

    def _on_gone(self) -> None:
        self.release()
        self._objects = None
