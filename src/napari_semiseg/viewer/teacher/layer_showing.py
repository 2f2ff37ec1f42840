"""What the layers show, and under which words: the view, as its task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.viewer.teacher.confidence_layer import ConfidenceLayer

if TYPE_CHECKING:
    from napari_semiseg.learning.layer_words import LayerWords
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.edit_layers import EditLayers
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView
    from napari_semiseg.viewer.teacher.view_keeper import ViewKeeper

_ABOUT_PIECES = (
    "The separate pieces of each class, to point at; accept or reject them as they "
    "are. Classes are painted on the layer of classes."
)
_LARGEST_OUTLINED = 2048  # Outlines of larger images cost some 0.4 s a change.


class LayerShowing:
    """Fills the layers to paint on, and that of confidence, from the view."""

    def __init__(self, desk: Desk, keeper: ViewKeeper, layers: EditLayers) -> None:
        self._session = desk.session
        self._keeper = keeper
        self._layers = layers
        self._confidence = ConfidenceLayer(desk.viewer)

    @property
    def semantic(self) -> bool:
        """Whether classes are what is sought."""
        project = self._session.project
        return project is not None and project.task == "semantic"

    def show(self, view: TeacherView) -> None:
        """Show another view, where the image lies now."""
        self._layers.show(
            view.shown,
            self._session.placement,
            view.window,
            editable=self._session.writable,
        )
        self.show_answer()

    def show_answer(self) -> None:
        """Show how confident the teacher is in its newest answer, where wanted."""
        view = self._keeper.view
        if view is None:
            self._confidence.blank()
            return
        placement = self._session.placement
        self._confidence.show(view.teacher.confidence, placement, view.window)

    def place(self) -> None:
        """Put the layers where the image lies now."""
        self._layers.place(self._session.placement)
        self.show_answer()

    def clear(self) -> None:
        """Show nothing; the layers stay."""
        self._layers.clear()
        self._confidence.blank()

    def show_confidence(self, on: bool) -> None:
        """Show or hide the layer of the teacher's confidence."""
        self._confidence.wanted = on
        self.show_answer()

    def show_outlines(self, on: bool) -> str | None:
        """Draw objects as outlines; a sentence when the image is too large for it."""
        item = self._keeper.item
        too_large = on and item is not None and max(item.shape) > _LARGEST_OUTLINED
        self._layers.set_outlines(int(on and not too_large))
        if too_large:
            return (
                f"Outlines are for images of up to {_LARGEST_OUTLINED} pixels a side: "
                "larger ones would become slow."
            )
        return None

    def set_words(self, words: LayerWords) -> None:
        """Name the layers after what the method in use means by them."""
        layers = self._layers
        about = _ABOUT_PIECES if self.semantic else words.about_instances
        layers.set_words("instances", "instances", about)
        layers.set_words("label", words.label_name, words.about_label)
        layers.set_words("trusted", "confidence mask", words.about_selected)

    def set_classes(self, n_classes: int) -> None:
        """How many classes the project has, without the background."""
        if self.semantic:
            self._layers.set_classes(n_classes + 1, "label")
            if self._keeper.view is not None:
                self._keeper.view.n_classes = n_classes + 1
        else:
            self._layers.set_classes(3)

    def paint_class(self, number: int) -> None:
        """Paint with this class on the layer of classes, in a semantic task."""
        if self.semantic:
            self._layers.paint_class(number)

    def remove(self) -> None:
        """Remove all layers; each is made anew when it is shown again."""
        self._layers.remove()
        self._confidence.remove()

    def close(self) -> None:
        """Remove the layers and let go of the viewer."""
        self._layers.close()
        self._confidence.close()
