"""The later pictures of the tutorial: review, rounds, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from studio import WINDOW, Studio

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.canvas import look_at
from napari_semiseg.viewer.widgets.fold import Fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.project.records import ImageItem

_TALL = 985  # Height of the window for the longest step.
_MINUTE = 60.0


def places(studio: Studio) -> list[Any]:
    """The tiles of the project."""
    return list(studio.desk.tiles.book.all())


def show_unlabelled(studio: Studio) -> None:
    """Put an image without tiles in view, as a whole."""
    session = studio.desk.session
    labelled = {tile.item.id for tile in places(studio)}
    free = next(i for i in session.opened.images if i.id not in labelled)
    studio.show(free.name)
    look_at(studio.viewer, session.placement, Box.whole(free.shape), 0.95)


def review(studio: Studio) -> None:
    """What the model finds, and what may be done about it."""
    training, teacher = studio.desk.training, studio.desk.teacher
    studio.wait("the model is known", lambda: training.has_model)
    studio.open_only("Train")
    show_unlabelled(studio)
    item = studio.desk.session.item
    assert item is not None
    whole = Box.whole(item.shape)
    studio.wait("all is seen", lambda: teacher.known_in(whole), 3 * _MINUTE)
    studio.wait("objects are cut out", lambda: not teacher.busy, _MINUTE)
    studio.take("finished")
    studio.open_only("Review")
    studio.press("Review", "Look through all images")
    studio.wait("the images are ranked", lambda: ranked(studio), 3 * _MINUTE)
    correct(studio, item)
    studio.window.resize(WINDOW[0], _TALL)
    studio.rest(0.5)
    studio.take("review")
    open_fold(studio, "Review", "Split")
    studio.take("tools")
    open_fold(studio, "Review", "Split", on=False)
    studio.window.resize(*WINDOW)
    studio.tick("Review", "Whose")
    only_layer(studio, "owner")
    studio.take("whose")
    studio.tick("Review", "Whose")
    only_layer(studio, "pseudo-labels")
    studio.take("pseudo-labels")
    only_layer(studio, "confidence mask")
    studio.take("confidence-mask")
    open_fold(studio, "Review", "Pixels")
    studio.rest(1)
    studio.take("pixels")
    open_fold(studio, "Review", "Pixels", on=False)
    only_layer(studio, "instances")


def open_fold(studio: Studio, step: str, title: str, *, on: bool = True) -> None:
    """Open, or close, the part of a step whose heading begins so, and scroll there."""
    folds = studio.dock.panel(step).findChildren(Fold)
    fold = next(f for f in folds if f.title.startswith(title))
    fold.set_open(on)
    studio.rest(0.3)
    if on:
        studio.scroll_to(fold)


def compare_rounds(studio: Studio) -> None:
    """What a second training has changed in the image in view."""
    rounds, teacher = studio.desk.rounds, studio.desk.teacher
    studio.open_only("Review")
    show_unlabelled(studio)
    item = studio.desk.session.item
    assert item is not None
    whole = Box.whole(item.shape)
    studio.wait("two rounds are known", lambda: len(rounds.book.rounds) > 1, _MINUTE)
    studio.wait("all is seen", lambda: teacher.known_in(whole), 5 * _MINUTE)
    open_fold(studio, "Review", "Rounds")
    studio.press("Review", "Outline differences")
    studio.wait("rounds differ", lambda: rounds.comparing.result, 5 * _MINUTE)
    studio.rest(1)
    studio.window.resize(WINDOW[0], _TALL)
    open_fold(studio, "Review", "Rounds")
    studio.put_away()
    studio.take("rounds")
    studio.window.resize(*WINDOW)


def correct(studio: Studio, item: ImageItem) -> None:
    """Accept objects that are right, as a person would who points at them."""
    teacher, reviewing = studio.desk.teacher, studio.desk.reviewing
    whole = Box.whole(item.shape)
    found = teacher.instances_in(whole)
    assert found is not None
    truth = studio.truth[Path(item.name).stem]
    right = [n for n in np.unique(found) if n > 0 and is_right(found == n, truth)]
    for object_id in right[:3]:
        y, x = np.argwhere(found == object_id).mean(0)
        reviewing.accept_object(studio.desk.session.placement.to_world((y, x)))
        studio.hover((y, x))
    studio.wait("all is saved", lambda: not studio.desk.autosave.unsaved)


def is_right(found: NDArray[np.bool_], truth: NDArray[Any]) -> bool:
    """Whether an object is nearly one of the truth."""
    inside = truth[found]
    best = np.bincount(np.maximum(inside, 0))[1:]
    if not best.any():
        return False
    best_id = int(best.argmax()) + 1
    return bool(best.max() / np.count_nonzero(found | (truth == best_id)) > 0.85)


def ranked(studio: Studio) -> bool:
    """Whether all images have been looked at."""
    ranking = studio.desk.reviewing.ranking
    return bool(ranking.queue) and not ranking.busy


def only_layer(studio: Studio, name: str) -> None:
    """Show one of the model's layers, and make it the active one."""
    for layer in studio.viewer.layers:
        if layer.name in ("instances", "pseudo-labels", "confidence mask", "owner"):
            layer.visible = layer.name == name
    studio.viewer.layers.selection.active = studio.viewer.layers[name]


def export(studio: Studio) -> None:
    """Write the results of all images."""
    exporting = studio.desk.exporting
    studio.open_only("Export")
    studio.press("Export", "Export")
    studio.wait("files are there", lambda: exporting.view.folder, 3 * _MINUTE)
    studio.take("export")


def in_light(studio: Studio) -> None:
    """The step of labelling in napari's other theme."""
    studio.viewer.theme = "light"
    studio.open_only("Annotate")
    studio.desk.annotating.go_next()
    studio.wait("a tile is in hand", lambda: studio.desk.session.tile is not None)
    studio.rest(2)
    studio.put_away()
    studio.take("light")
