"""The layers that the teacher fills and a person corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.layer_words import LayerWords
    from napari_semiseg.segmentation.classes import BoundaryMode
    from napari_semiseg.segmentation.watershed import Form
    from napari_semiseg.viewer.desk import Desk


class Chosen(NamedTuple):
    """Thresholds in force: probabilities, and pixels of the smallest object."""

    foreground: float = 0.5
    seed: float = 0.5
    min_size: int = 0


class TeacherLayers(QObject):
    """Three editable layers: objects, classes, and the mask of trusted pixels.

    They show one window of the image in view: all of it, or 2048 x 2048 pixels of a
    larger one. The window follows `Session.image_changed` and `look_elsewhere`.

    Attributes
    ----------
    window
        Where the layers lie in the image in view, in its working pixels; None: no image
        is in view, or it has no window yet (see `ready`).
    """

    changed = Signal()
    """Something else is shown: after a stroke, an act, an answer, another image."""
    window_changed = Signal()
    """The window lies elsewhere, or there is none; nothing is known in it yet."""
    wanted = Signal(object)
    """A `Box` that somebody needs and that the teacher has not looked at yet."""

    def __init__(self, desk: Desk) -> None: ...

    window: Box | None

    @property
    def ready(self) -> bool:
        """Whether a window is shown and can be corrected."""

    @property
    def holding(self) -> bool:
        """Whether the user is painting: answers wait until the mouse is released."""

    @property
    def busy(self) -> bool:
        """Whether an answer or other thresholds are being worked in."""

    @property
    def thresholds(self) -> Chosen:
        """The thresholds in force."""

    def set_thresholds(self, foreground: float, seed: float, min_size: int) -> None:
        """Use other thresholds; objects follow in the background, newest wins."""

    def set_rules(self, boundary_mode: BoundaryMode, form: Form) -> None:
        """Where the model in use draws boundaries, and how it floods."""

    def set_words(self, words: LayerWords) -> None:
        """Name the layers after what the method in use means by them."""

    def take_answer(
        self,
        image_id: str,
        box: Box,
        probability: NDArray[np.float32],
        label: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        selected: NDArray[np.bool_],
    ) -> None:
        """Show what the teacher sees in a box; call it in the main thread.

        The arrays may be memory-mapped: they are read in the background. An answer for
        another image is dropped, and of a box the part inside the window is shown.
        """

    def look_elsewhere(self, visible: Box) -> None:
        """Move the window of a large image to where the user looks, if need be."""

    def known_in(self, box: Box) -> bool:
        """Whether the teacher has looked at all pixels of a box."""

    def instances_in(self, box: Box) -> NDArray[np.int32] | None:
        """The teacher's objects in a box, without those that are the person's.

        Returns
        -------
        NDArray[np.int32] or None
            int32 ``(*box.size)``, 0 where there is none or a person decided. None when
            the teacher has not looked at all of the box: the reason was said, and
            `wanted` emitted.
        """

    def object_at(self, world: Sequence[float]) -> int:
        """Id of the object shown at a place in the world; 0: none."""

    def owner_at(self, world: Sequence[float]) -> int:
        """Who decided about the pixel at a place in the world: an `Owner`."""

    def accept(self, ids: Iterable[int]) -> int:
        """Make teacher objects the person's own; returns how many, says why not all."""

    def reject(self, ids: Iterable[int]) -> int:
        """Say that there is no object there: their pixels become background."""

    def give_back_objects(self, ids: Iterable[int]) -> int:
        """Give objects back to the teacher; returns how many."""

    def give_back(self, box: Box | None = None) -> None:
        """Give all decisions in a box back to the teacher; None: in the whole image."""

    def accept_tile(self, box: Box) -> None:
        """Make a box a finished tile with the objects shown, in the background."""

    def undo(self) -> None:
        """Take the last act back."""

    def redo(self) -> None:
        """Do again what was taken back."""

    def show_layers(self) -> None:
        """Make layers that the user has deleted again, and show all three."""

    def show_confidence(self, on: bool) -> None:
        """Show or hide the layer of the teacher's confidence, 0 to 1."""

    def show_owners(self, on: bool) -> None:
        """Show or hide the layer that says who decided about each pixel."""

    def show_outlines(self, on: bool) -> str | None:
        """Draw objects as outlines; a sentence when the window is too large for it."""

    def close(self) -> None:
        """Let go of everything; remove the layers."""
