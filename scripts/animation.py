"""Film the loop, from images to exported masks, by driving the real dock.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/animation.py [FILE]

FILE is an animated picture, docs/images/film.gif unless told. The images are the drawn
samples, whose truth stands in for the hand that outlines; the training is a real one of
some minutes, shown quicker than it is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtWidgets import QDockWidget
from scenes import export, is_right, places, show_unlabelled
from screenshots import PROJECT_CHANGES, objects_left
from studio import Studio

from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIZE = (1060, 760)  # Of the window,
_WIDTH = 800  # and of the film, in pixels.
_STRIP, _LETTERS = 30, 17  # Height of the caption and of its letters.
_COLOURS = 200
_TILES = 3  # The last one is for validation.
_MINUTE = 60.0


class Film:
    """Pictures of the window with a caption, each shown for its time.

    Parameters
    ----------
    studio
        Whose window is filmed.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._frames: list[Image.Image] = []
        self._seconds: list[float] = []
        self.caption = ""

    def shoot(self, seconds: float) -> None:
        """Add the window as it is now."""
        self._studio.rest(0.15)
        window = self._studio.viewer.window
        pixels: Any = window.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        height = round(picture.height * _WIDTH / picture.width)
        frame = Image.new("RGB", (_WIDTH, height + _STRIP), "black")
        frame.paste(picture.resize((_WIDTH, height), Image.Resampling.LANCZOS))
        ImageDraw.Draw(frame).text(
            (10, height + 5),
            self.caption,
            fill="white",
            font=ImageFont.load_default(_LETTERS),
        )
        self._frames.append(frame)
        self._seconds.append(seconds)

    def save(self, path: Path) -> None:
        """Write all pictures, in the colours of all of them, as one that moves."""
        every = self._frames[:: max(1, len(self._frames) // 8)]
        sheet = Image.new("RGB", (_WIDTH, every[0].height * len(every)))
        for number, frame in enumerate(every):
            sheet.paste(frame, (0, number * frame.height))
        palette = sheet.quantize(_COLOURS, Image.Quantize.MEDIANCUT, kmeans=2)
        dither = Image.Dither.NONE
        frames = [f.quantize(palette=palette, dither=dither) for f in self._frames]
        path.parent.mkdir(parents=True, exist_ok=True)
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=[round(1000 * seconds) for seconds in self._seconds],
            loop=0,
            optimize=True,
        )
        print(f"{path}: {len(frames)} pictures, {path.stat().st_size // 1000} kB")


def film(studio: Studio, folder: Path, steps: int) -> Film:
    """The whole story."""
    made = Film(studio)
    add_images(studio, made, folder)
    annotate(studio, made)
    train(studio, made, steps)
    review(studio, made)
    made.caption = "5  Export masks and a table"
    export(studio)
    made.shoot(2.5)
    return made


def add_images(studio: Studio, made: Film, folder: Path) -> None:
    """From an empty dock to images."""
    made.caption = "1  Add images: those that nobody labels count too"
    studio.open_only("Images")
    made.shoot(1.5)
    studio.show_help(False)
    studio.dock.menu.open_samples(folder)
    session = studio.desk.session
    studio.wait("an image is in view", lambda: session.item is not None)
    studio.open_only("Images")
    made.shoot(1.5)


def annotate(studio: Studio, made: Film) -> None:
    """Outline what is in the suggested tiles, the first one object by object."""
    made.caption = "2  Outline every object in a few small tiles"
    session, annotating = studio.desk.session, studio.desk.annotating
    studio.open_only("Annotate")
    panel: Any = studio.dock.panel("Annotate")
    panel._count.setValue(_TILES)  # noqa: SLF001
    studio.press("Annotate", "Suggest tiles")
    studio.wait("tiles are suggested", lambda: len(places(studio)) == _TILES)
    studio.wait("a tile is in hand", lambda: session.tile is not None)
    studio.rest(1)
    made.shoot(1.2)
    for number in range(_TILES):
        truth, layer = objects_left(studio), annotating.annotation.layer
        assert layer is not None
        for object_id in np.unique(truth[truth > 0]):
            annotating.tools.new_id()
            layer.data_setitem(np.nonzero(truth == object_id), layer.selected_label)
            if number == 0:
                made.shoot(0.2)
        last = number == _TILES - 1
        studio.press("Annotate", "Validation" if last else "Done")
        made.shoot(0.7)
        if not last:
            annotating.go_next()
            studio.rest(0.8)
    studio.wait("all is saved", lambda: not studio.desk.autosave.unsaved)


def train(studio: Studio, made: Film, steps: int) -> None:
    """Watch what the model sees of an image without labels, while it learns."""
    made.caption = "3  Train: it learns from all images while you look on"
    training, teacher = studio.desk.training, studio.desk.teacher
    studio.open_only("Train")
    studio.wait("tiles are counted", lambda: training.why_not() is None)
    settings = make_settings("actis", "default", PROJECT_CHANGES)
    training.start(settings, steps=steps, device="cpu")
    studio.wait("the run lives", lambda: training.active, _MINUTE)
    show_unlabelled(studio)
    for share in np.linspace(0.02, 0.96, 14):
        studio.wait(
            f"{share:.0%} are done",
            lambda share=share: (
                training.active is None or (training.view.fraction or 0) > share
            ),
            15 * _MINUTE,
        )
        made.shoot(0.45)
    studio.wait("the run ends", lambda: training.active is None, 10 * _MINUTE)
    studio.wait("the model is known", lambda: training.has_model)
    item = studio.desk.session.item
    assert item is not None
    whole = Box.whole(item.shape)
    studio.wait("all is seen", lambda: teacher.known_in(whole), 3 * _MINUTE)
    studio.wait("objects are cut out", lambda: not teacher.busy, _MINUTE)
    made.shoot(1.5)


def review(studio: Studio, made: Film) -> None:
    """Accept what is right and reject what is wrong."""
    made.caption = "4  Review: accept, correct, look where it is unsure; train again"
    studio.open_only("Review")
    made.shoot(1.2)
    teacher, reviewing = studio.desk.teacher, studio.desk.reviewing
    session = studio.desk.session
    assert session.item is not None
    found = teacher.instances_in(Box.whole(session.item.shape))
    assert found is not None
    truth = studio.truth[Path(session.item.name).stem]
    numbers = [n for n in np.unique(found) if n > 0]
    right = [n for n in numbers if is_right(found == n, truth)]
    for number in right[:5]:
        y, x = np.argwhere(found == number).mean(0)
        studio.hover((y, x))
        reviewing.accept_object(session.placement.to_world((y, x)))
        made.shoot(0.5)
    studio.press("Review", "Next")
    studio.rest(4)
    made.shoot(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the film."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Path("docs/images/film.gif")
    parser.add_argument("file", type=Path, nargs="?", default=usual)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args(arguments)
    os.environ["NAPARI_CONFIG"] = ""  # The user's settings of napari stay out of it.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        studio = Studio(options.file.parent, frozenset())
        studio.window.resize(*_SIZE)
        for dock in studio.window.findChildren(QDockWidget):
            if "layer" in dock.objectName():
                dock.hide()  # The story is on the canvas and in our dock.
        try:
            film(studio, Path(folder), options.steps).save(options.file)
        finally:
            studio.viewer.close()


if __name__ == "__main__":
    main()
