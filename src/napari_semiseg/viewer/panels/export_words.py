"""What the export step says, of objects or of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.api.outputs import Kind
    from napari_semiseg.project.records import Task

MAPS: tuple[tuple[Kind, str, str], ...] = (
    (
        "instances",
        "Pieces",
        "The connected pieces of each class, numbered as objects, with a table of "
        "their own.",
    ),
    ("classes", "Classes", "The class of each pixel, one image a file."),
    ("probability", "Probability", "How likely each class is, pixel by pixel."),
    ("confidence", "Confidence", "How sure the model is of each pixel, 0 to 1."),
)
"""What can be saved besides: what, its name, and what is in it."""

ABOUT: dict[Task, str] = {
    "instances": "Write the objects of all images as files: what the model finds, with "
    "everything that you have drawn or accepted on top.",
    "semantic": "Write the classes of all images as files: what the model finds, with "
    "everything that you have painted or accepted on top.",
}
"""What the step is for, by task."""
MASK_TIPS: dict[Task, str] = {
    "instances": "An image in which every object has a number of its own: a TIFF that "
    "Fiji, CellProfiler, QuPath and Python read.",
    "semantic": "An image in which every pixel has the number of its class, 0 for the "
    "background: a TIFF that Fiji, CellProfiler, QuPath and Python read.",
}
"""What a mask is, by task."""
OWNERS_TIP = (
    "Beside each mask an image that says who decided about each pixel: 0 nobody, 1 the "
    "model, 2 you accepted it, 3 you drew it, 4 ignored."
)
"""What the image of owners holds."""
TABLE_TIPS: dict[Task, str] = {
    "instances": "Beside each mask a table (CSV) of its objects: size, shape, place "
    "and brightness.",
    "semantic": "Beside each mask a table (CSV) of the area of each class.",
}
"""What the table holds, by task."""

_REASONS = 5  # Images left out that are named here.


def left_out_words(skipped: Sequence[tuple[str, str]]) -> str:
    """Which images were left out and why, a line each; not all when there are many."""
    lines = [f"{name}: {reason}" for name, reason in skipped[:_REASONS]]
    rest = len(skipped) - len(lines)
    if rest > 0:
        lines.append(f"... and {rest} more.")
    return "\n".join(lines)
