"""What to do in each step, in three sentences, for who sees it for the first time."""

from __future__ import annotations

FIRST_HELP = {
    "Images": (
        "<b>Add all images of your experiment</b>, also those that you will never "
        "label: the model learns from them too. The list says how each file was read. "
        "None at hand? Press <i>Try it on sample images</i>."
    ),
    "Annotate": (
        "Press <i>Suggest tiles</i>, then <b>paint every object in a tile</b>, one "
        "number each: N begins the next. What stays empty counts as background once "
        "you press <i>Done</i>. One tile is enough to begin; a second one, marked "
        "<i>Validation</i>, will tell how good the model is."
    ),
    "Train": (
        "Press <i>Train</i> and <b>go on working</b>: it learns beside napari, and "
        "the layers show what it sees of the image in view. They are rough at first. "
        "Pause or stop it whenever you like: the best model is kept."
    ),
    "Review": (
        "The layer <i>instances</i> shows what the model finds. <b>Accept what is "
        "right, reject or paint over what is wrong</b>: what you did is never "
        "overwritten. Then go to the image it is least sure of; in the end press "
        "<i>Train again</i>."
    ),
    "Export": (
        "<b>Choose images and press Export</b>: each becomes a TIFF for Fiji in which "
        "every object has its number, and a table with a row an object. Your own "
        "objects and corrections are in it as you made them."
    ),
}
"""By the title of the step."""
