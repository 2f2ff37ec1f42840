"""The classes of the open project, and the one that is painted with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.viewer.colours import class_colours, object_colours
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.teacher.layer_making import NAMES

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.viewer.desk import Desk

BACKGROUND = "background"
N_KEYS = 9
"""Classes that have a key."""


class Palette(QObject):
    """Keeps the layers of a person and of the model at one class, and one colour.

    In a semantic task the chosen class is what is painted, also on the model's layer of
    classes. Where single objects are drawn it is that of the next object.

    Attributes
    ----------
    chosen
        Its number, 0 for the background.
    """

    changed = Signal()
    """There are other classes, or another one is chosen."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.chosen = 1
        for signal, slot in self._connections():
            signal.connect(slot)
        desk.keys.bind("background", partial(self.choose, 0))
        for number in range(1, N_KEYS + 1):
            desk.keys.bind(f"class {number}", partial(self.choose, number))
        desk.keys.bind("give class", self.give_class)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, without the background."""
        project = self._desk.session.project
        return () if project is None else project.classes

    @property
    def semantic(self) -> bool:
        """Whether each pixel has a class, not each object."""
        project = self._desk.session.project
        return project is not None and project.task == "semantic"

    @property
    def shown(self) -> bool:
        """Whether there is anything to choose from."""
        return self.semantic or len(self.names) > 1

    def name(self, number: int) -> str:
        """The name of a class."""
        return self.names[number - 1] if number else BACKGROUND

    def choose(self, number: int) -> None:
        """Paint with another class from now on."""
        if not self.shown or not 0 <= number <= len(self.names):
            return
        if number == 0 and not self.semantic:
            return
        self.chosen = number
        self._put()
        annotating, active = self._desk.annotating, self._active_use()
        if active != NAMES["label"] and annotating.why_not is None:
            annotating.tools.paint_class(number)
        self.changed.emit()

    def paint_on_model(self, number: int) -> None:
        """Take the model's layer of classes in hand, with a brush for this class."""
        layers = self._desk.viewer.layers
        found = next((one for one in layers if use_of(one) == NAMES["label"]), None)
        if found is None or not self.shown:
            self._desk.session.say(
                "The model's layer of classes was removed from the list of layers: "
                f"{KEYS['teacher layers'].shown} brings it back.",
                problem=True,
            )
            return
        layers.selection.active = found
        found.visible = True
        if found.editable:
            found.mode = "paint"
        self.choose(number)

    def give_class(self) -> None:
        """Make the object under the cursor one of the chosen class."""
        if self.shown:
            self._desk.annotating.tools.give_class(self.chosen)

    def why_not_rename(self) -> str | None:
        """Why classes cannot be renamed, a sentence; None: they can."""
        reason = self.why_not_add()
        if reason is None and model_in_use(self._desk.session.opened) is not None:
            return (
                "The model in use knows the classes by their names: make a new project "
                "for other names."
            )
        return reason

    def why_not_add(self) -> str | None:
        """Why no class can be added, a sentence; None: one can."""
        session = self._desk.session
        if session.project is None:
            return "Open a project first."
        if session.read_only:
            return session.read_only
        if self._desk.training.active is not None:
            return "A training is under way: wait until it ends."
        return None

    def rename(self, number: int, name: str) -> None:
        """Call a class something else; a problem is said."""
        names = list(self.names)
        names[number - 1] = name
        self._change(names, self.why_not_rename())

    def add(self, name: str) -> None:
        """Add a class behind the others; a problem, and what follows, are said."""
        session = self._desk.session
        if not self._change([*self.names, name], self.why_not_add()):
            return
        if self._desk.annotating.n_training_tiles:
            session.say(
                f"In the tiles that are done, nothing is {self.names[-1]} yet: look "
                "through them."
            )
        if model_in_use(session.opened) is not None:
            session.say(
                f"The model in use does not know {self.names[-1]}: the next training "
                "begins from scratch."
            )
        self.choose(len(self.names))

    def close(self) -> None:
        """Let go of the others."""
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Any]]:
        desk = self._desk
        return [
            (desk.session.project_changed, self._on_project),
            (desk.annotating.annotation.number_changed, self._on_number),
            (desk.teacher.class_picked, self._on_picked),
        ]

    def _change(self, names: list[str], why_not: str | None) -> bool:
        session = self._desk.session
        try:
            if why_not is not None:
                raise SemisegError(why_not)
            session.opened.change_classes(names)
        except SemisegError as error:
            session.say(str(error), problem=True)
            return False
        self._colour(session.opened)
        self.changed.emit()
        return True

    def _on_project(self) -> None:
        project = self._desk.session.project
        self.chosen = 1
        if project is not None:
            self._colour(project)
        self.changed.emit()

    def _colour(self, project: Project) -> None:
        annotation, n = self._desk.annotating.annotation, len(project.classes)
        self._desk.teacher.set_classes(n)
        annotation.set_colours(
            class_colours(n + 1) if self.semantic else object_colours()
        )
        self._put()

    def _put(self) -> None:
        """Hand the chosen class to the layers."""
        annotation = self._desk.annotating.annotation
        annotation.brush = self.chosen if self.semantic else None
        self._desk.teacher.paint_class(self.chosen)

    def _on_number(self) -> None:
        """Another label was selected on the layer of the tile in hand."""
        annotating = self._desk.annotating
        number = annotating.annotation.number
        if not self.semantic:
            annotating.tools.note_class(self.chosen)
        elif number >= 0 and annotating.place is not None:
            self._pick(number)
            if number > len(self.names) and annotating.annotation.layer is not None:
                annotating.annotation.layer.selected_label = self.chosen

    def _on_picked(self, number: int) -> None:
        """Another class was selected on the model's layer."""
        if self.semantic:
            self._pick(number)
            if number != self.chosen:
                self._desk.teacher.paint_class(self.chosen)

    def _pick(self, number: int) -> None:
        if not 0 <= number <= len(self.names):
            self._desk.session.say(
                f"There is no class {number}: choose one of the list in step 2, or add "
                "one there.",
                problem=True,
            )
        elif number != self.chosen:
            self.chosen = number
            self._put()
            self.changed.emit()

    def _active_use(self) -> str | None:
        active = self._desk.viewer.layers.selection.active
        return None if active is None else use_of(active)


def key_of(number: int) -> str | None:
    """The key of a class, as it is shown; None: it has none."""
    name = f"class {number}" if number else BACKGROUND
    return KEYS[name].shown if name in KEYS else None
