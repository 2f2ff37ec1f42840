"""Which pixels of unlabelled images count in training: tried here, used next time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import METHODS, parse_settings
from napari_semiseg.learning.pixel_choice import PixelChoice, pixel_choice
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.teacher.layer_making import NAMES
from napari_semiseg.viewer.training.training_choice import TrainingChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.teachers import Teacher
    from napari_semiseg.viewer.widgets.train_setup import TrainSetup

NO_MODEL = PixelChoice("Train a model first: then you see which pixels it learns from.")
_UNKNOWN = PixelChoice(
    "How this model was trained is not known: there is nothing to choose."
)
_SAME = 5e-3  # What shows as the same number.


class Kept(NamedTuple):
    """Shares of pixels that count, 0 to 1: of each class by name, and of all."""

    classes: tuple[tuple[str, float], ...]
    all: float

    @property
    def words(self) -> str:
        """The shares in one line."""
        parts = ", ".join(f"{name} {share:.0%}" for name, share in self.classes)
        words = f"kept: {parts}; image {self.all:.0%}"
        return words.replace("%", " %")


class Choosing(QObject):
    """Tries another number of the method on the pixels in view.

    The layer *confidence mask* shows what the loss would use. Nothing is changed in
    what was trained; `use` has the next training take the number.

    Attributes
    ----------
    choice
        By which number the training of whoever is asked chooses pixels.
    tried
        The number that is tried; None: none, and the layer shows the training's own.
    """

    changed = Signal()
    used = Signal(object)
    """The `TrainingChoice` that the next training begins with."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.choice = NO_MODEL
        self.tried: float | None = None
        self._tried: dict[str, float] = {}  # By run.
        self._planned: Callable[[], TrainingChoice] = lambda: desk.training.choice
        for signal, slot in self._connections():
            signal.connect(slot)

    def close(self) -> None:
        """Let go of the others."""
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def follow(self, setup: TrainSetup) -> None:
        """Change the number there, where all settings of the next training are."""
        self._planned = setup.value
        self.used.connect(setup.setValue)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (desk.session.project_changed, self._tried.clear),
            (desk.looking.teacher_changed, self._on_teacher),
        ]

    @property
    def value(self) -> float:
        """The number in force: the one that is tried, else that of the training."""
        return self.choice.value if self.tried is None else self.tried

    def put(self, value: float) -> None:
        """Show which pixels would count with another number."""
        if self.choice.kind is None:
            return
        same = abs(value - self.choice.value) < _SAME
        self._try(None if same else value)
        self._reveal()

    def reset(self) -> None:
        """Show again which pixels count in the training of whoever is asked."""
        self._try(None)

    def kept(self) -> Kept | None:
        """How much of the image in view counts; None: it was not looked at yet."""
        shares = self._desk.teacher.class_shares()
        if not shares or self.choice is NO_MODEL:
            return None
        named = list(zip(self._names(len(shares)), shares, strict=True))
        of_classes = (  # The background is the least interesting.
            (name, share.kept)
            for name, share in (*named[1:], named[0])
            if share.kept is not None
        )
        total = sum(share.area * (share.kept or 0.0) for share in shares)
        return Kept(tuple(of_classes), total)

    def why_not(self) -> str | None:
        """Why the next training cannot take the number, a sentence; None: it can."""
        session = self._desk.session
        if self.choice.kind is None:
            return self.choice.about
        if session.read_only:
            return session.read_only
        settings = self._planned().settings()
        planned = pixel_choice(settings)
        if planned.place != self.choice.place:
            return (
                f"Step 3 is set to {METHODS[settings.name].settings.title}, which does "
                "not choose pixels by this number: choose the method of this model "
                "there."
            )
        if abs(planned.value - self.value) < _SAME:
            return "The next training takes this number already."
        return None

    def use(self) -> None:
        """Have the next training take the number; other settings of step 3 stay."""
        reason = self.why_not()
        if reason is None:
            reason = self._remember()
        if reason is not None:
            self._desk.session.say(reason)
        self.changed.emit()

    def _remember(self) -> str | None:
        before = self._planned()
        settings = self.choice.settings(before.settings(), round(self.value, 2))
        after = TrainingChoice.of(
            settings, minutes=before.minutes, device=before.device, start=before.start
        )
        try:
            self._desk.session.opened.update_settings(**after.entry())
        except (SemisegError, OSError) as error:
            return str(error)
        self.used.emit(after)
        return None

    def _try(self, value: float | None) -> None:
        teacher = self._desk.looking.teacher
        if teacher is not None:
            if value is None:
                self._tried.pop(teacher.run.id, None)
            else:
                self._tried[teacher.run.id] = value
        self.tried = value
        self._show()

    def _show(self) -> None:
        selecting = None if self.tried is None else self.choice.at(self.tried)
        self._desk.teacher.set_rules(selecting=selecting)
        self.changed.emit()

    def _reveal(self) -> None:
        """Let the mask be seen, of which this is about."""
        for layer in self._desk.viewer.layers:
            if use_of(layer) == NAMES["trusted"]:
                layer.visible = True

    def _on_teacher(self) -> None:
        teacher = self._desk.looking.teacher
        self.choice = NO_MODEL if teacher is None else choice_of(teacher)
        tried = None if teacher is None else self._tried.get(teacher.run.id)
        self.tried = None if self.choice.kind is None else tried
        self._show()

    def _names(self, n_classes: int) -> Sequence[str]:
        palette = self._desk.palette
        if palette.semantic:
            return [palette.name(number) for number in range(n_classes)]
        name = palette.names[0] if len(palette.names) == 1 else "objects"
        return ["background", name, "boundary"]


def choice_of(teacher: Teacher) -> PixelChoice:
    """By which number the training of a teacher chooses, or chose, pixels."""
    try:
        return pixel_choice(parse_settings(teacher.run.record().settings))
    except (SemisegError, OSError):
        return _UNKNOWN  # Of another version, or made elsewhere.
