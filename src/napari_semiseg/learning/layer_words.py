"""What the layers of a watched run hold, in words: it differs from method to method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerWords:
    """Names and tooltips of the layers that a teacher fills.

    Each tooltip says what the layer holds for this method, and what a correction there
    does to its loss.

    Attributes
    ----------
    label_name
        Name of the layer of classes: pseudo-labels where the loss uses them.
    about_label, about_selected, about_instances
        Tooltips of the classes, of the mask of selected pixels, and of the objects.
    """

    label_name: str
    about_label: str
    about_selected: str
    about_instances: str


ABOUT_INSTANCES = (
    "The objects in what the model predicts now. An object that you draw, change or "
    "accept is yours: the next run learns its pixels and its outline as labelled ones, "
    "and what you erase as background."
)

SUPERVISED_WORDS = LayerWords(
    label_name="prediction (no target)",
    about_label=(
        "The class the model predicts for each pixel; it learns from labelled pixels "
        "alone, so this is no target of its loss. A pixel you give a class here is "
        "labelled: the next run learns that class."
    ),
    about_selected=(
        "Empty: this method learns from no unlabelled pixel, so none is selected. What "
        "you mark here changes nothing in its loss; it is kept for a method that "
        "learns from unlabelled images, such as ACTIS."
    ),
    about_instances=ABOUT_INSTANCES,
)

ACTIS_WORDS = LayerWords(
    label_name="pseudo-labels",
    about_label=(
        "The class the teacher gives each pixel, which is the target of the loss on "
        "unlabelled images. A pixel you give a class here is labelled: the next run "
        "learns that class in the loss on labelled pixels."
    ),
    about_selected=(
        "The pixels whose pseudo-label the loss uses: of each class all but the least "
        "confident share. Mark pixels as trusted or not trusted, and the next run "
        "always or never learns the teacher's label there, however confident the "
        "teacher is."
    ),
    about_instances=ABOUT_INSTANCES,
)
