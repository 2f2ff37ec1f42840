"""Make the pictures of the tutorial by driving the real dock.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py [FOLDER]

FOLDER is where the pictures go, docs/images unless told. All of them come from the
drawn sample images, whose truth is known and stands in for the hand that outlines; the
training is a real one of some minutes. With ``--project FOLDER`` the project is kept
there, and a later call finds its model: then everything but the picture of the training
is made anew in a minute. ``--only NAME ...`` makes some pictures only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scenes import (
    compare_rounds,
    export,
    in_light,
    places,
    review,
    show_unlabelled,
)
from studio import Studio

from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.project import FILE_NAME
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from numpy.typing import NDArray


BEFORE = ("empty", "images", "suggested", "painting", "tiles-done", "train-setup")
AFTER = (
    "finished",
    "review",
    "tools",
    "whose",
    "pseudo-labels",
    "confidence-mask",
    "pixels",
    "rounds",
    "export",
    "light",
)
NAMES = (*BEFORE, "training", *AFTER)
PROJECT = "nuclei.semiseg"
_STEPS = 400
# Small batches, as in the demo: many steps in the minutes that pictures may take.
PROJECT_CHANGES: dict[str, Any] = {
    "network": {"encoder": "mobilenet_v2", "weights": "none"},
    "supervised": {"batch": 4},
    "consistency": {"labelled_batch": 4, "unlabelled_batch": 4, "fresh": 1},
}
_N_TILES = 4  # Of which the last one is for validation.
_MINUTE = 60.0
_MORE = 60  # Steps of a second training, to compare two rounds.


def begin(studio: Studio, folder: Path) -> None:
    """From nothing to suggested tiles."""
    studio.open_only("Images")
    studio.take("empty")
    studio.show_help(False)  # Of the other pictures it would take half.
    studio.dock.menu.open_samples(folder)
    session = studio.desk.session
    studio.wait("an image is in view", lambda: session.item is not None)
    studio.open_only("Images")
    studio.take("images")
    studio.open_only("Annotate")
    panel: Any = studio.dock.panel("Annotate")
    panel._count.setValue(_N_TILES)  # noqa: SLF001
    studio.press("Annotate", "Suggest tiles")
    studio.wait("tiles are suggested", lambda: len(places(studio)) == _N_TILES)
    studio.wait("a tile is in hand", lambda: session.tile is not None)
    studio.rest(1)
    hover_object(studio)
    studio.take("suggested")


def hover_object(studio: Studio) -> None:
    """Put the brush over the next object to outline."""
    session = studio.desk.session
    left = objects_left(studio)
    assert session.tile is not None
    largest = np.bincount(left[left > 0]).argmax()
    y, x = np.argwhere(left == largest).mean(0) + session.tile.origin
    studio.hover((y, x))


def objects_left(studio: Studio) -> NDArray[Any]:
    """The truth ``(Y, X)`` of the tile in hand, without what is painted already."""
    session = studio.desk.session
    assert session.item is not None and session.tile is not None
    truth = studio.truth[Path(session.item.name).stem][session.tile.slices]
    drawn = np.unique(truth[studio.desk.annotating.annotation.labels > 0])
    left: NDArray[Any] = np.where(np.isin(truth, drawn), 0, truth)
    return left


def outline(studio: Studio, share: float = 1.0) -> None:
    """Paint the objects of the tile in hand, or the first ones of them."""
    truth = objects_left(studio)
    left = [n for n in np.unique(truth) if n > 0]
    layer = studio.desk.annotating.annotation.layer
    assert layer is not None
    for object_id in left[: round(share * len(left))]:
        studio.desk.annotating.tools.new_id()
        layer.data_setitem(np.nonzero(truth == object_id), layer.selected_label)
        studio.rest(0.05)


def annotate(studio: Studio) -> None:
    """Outline what is in the tiles and mark them as done."""
    session = studio.desk.session
    for number in range(_N_TILES):
        if number == 0:
            outline(studio, 0.5)
            studio.desk.annotating.annotation.take_in_hand()
            hover_object(studio)
            studio.take("painting")
        outline(studio)
        last = number == _N_TILES - 1
        studio.press("Annotate", "Validation" if last else "Done")
        if not last:
            before = session.tile, session.item
            studio.press("Annotate", "Next")
            studio.wait(
                "the next tile is in hand",
                lambda before=before: (session.tile, session.item) != before,
            )
            studio.rest(0.5)
    studio.wait("all is saved", lambda: not studio.desk.autosave.unsaved)
    studio.put_away()
    studio.take("tiles-done")


def set_up(studio: Studio) -> None:
    """Look at the settings of the training before anything was trained."""
    studio.open_only("Train")
    server, training = studio.desk.server, studio.desk.training
    server.warm()
    studio.wait("devices are known", lambda: server.devices, 2 * _MINUTE)
    studio.wait("tiles are counted", lambda: training.why_not() is None)
    panel: Any = studio.dock.panel("Train")
    panel._measure()  # noqa: SLF001
    pace = panel._pace  # noqa: SLF001
    studio.wait("the pace is measured", lambda: pace.seconds_per_step("actis"), 300)
    studio.take("train-setup")


def train(studio: Studio, steps: int) -> None:
    """Watch a run until it ends."""
    training, teacher = studio.desk.training, studio.desk.teacher
    studio.open_only("Train")
    studio.wait("tiles are counted", lambda: training.why_not() is None)
    settings = make_settings("actis", "default", PROJECT_CHANGES)
    training.start(settings, steps=steps, device="cpu")
    studio.wait("the run lives", lambda: training.active, _MINUTE)
    show_unlabelled(studio)
    studio.wait(
        "the run is well under way",
        lambda: (training.view.fraction or 0) > 0.85 or training.active is None,
        30 * _MINUTE,
    )
    studio.wait("objects are cut out", lambda: not teacher.busy, _MINUTE)
    studio.take("training")
    studio.wait("the run ends", lambda: training.active is None, 10 * _MINUTE)
    if training.view.state != "finished":
        raise SystemExit(training.view.sentence)


def has_model(project: Path) -> bool:
    """Whether a project was trained."""
    return (project / FILE_NAME).exists() and model_in_use(project) is not None


def main() -> None:
    """Take the pictures."""
    options = _parse()
    # The settings of napari that its user has stay as they are, out of the pictures.
    os.environ["NAPARI_CONFIG"] = ""
    wanted = frozenset(options.only or NAMES)
    with tempfile.TemporaryDirectory() as spare:
        kept = (options.project or Path(spare) / "kept").resolve()
        trained = has_model(kept / PROJECT)
        studio = Studio(options.folder, wanted)
        try:
            tell(studio, kept, Path(spare), steps=options.steps, trained=trained)
        finally:
            studio.viewer.close()


def tell(studio: Studio, kept: Path, spare: Path, *, steps: int, trained: bool) -> None:
    """Go through the whole story, or what is wanted of it."""
    wanted = studio.wanted
    studio.show_help("empty" in wanted)
    if not trained or wanted & set(BEFORE):
        # What is trained already is looked at later, not begun anew.
        begin(studio, spare / "again" if trained else kept)
        annotate(studio)
        if "train-setup" in wanted:
            set_up(studio)
    if not trained and wanted - set(BEFORE):
        train(studio, steps)
    if wanted & set(AFTER):
        studio.desk.session.close()
        # Corrections are made in a copy: the next call finds the project as it was.
        shutil.copytree(kept, spare / "review")
        studio.dock.open_project(spare / "review" / PROJECT)
        review(studio)
        if "rounds" in wanted:
            train(studio, _MORE)
            compare_rounds(studio)
        if wanted & {"export", "light"}:
            export(studio)
            in_light(studio)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME")
    parser.add_argument("--project", type=Path, help="keep the project here")
    parser.add_argument("--steps", type=int, default=_STEPS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
