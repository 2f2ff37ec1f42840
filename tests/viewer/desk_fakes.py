"""Stand-ins for controllers: signals of the real ones, and lists of what was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_semiseg.files import write_json
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.viewer.teacher.teacher_layers import Chosen
from napari_semiseg.viewer.training.run_view import NO_RUN, RunView
from napari_semiseg.viewer.training.training_choice import TrainingChoice

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.session import Session


class FakeServer(QObject):
    """Remembers questions as (kind, arguments); the test emits the answers."""

    ready = Signal()
    answered = Signal(object)
    ranked = Signal(object)
    export_event = Signal(object)
    paced = Signal(object)
    lost = Signal(str)

    def __init__(self, previews: Path) -> None:
        super().__init__()
        self.previews = previews
        self.asked: list[tuple[str, Any]] = []
        self.cancelled: list[str] = []
        self.default_device = "cpu"
        self.broken = False

    def ask_preview(self, item: Any, box: Box, run: str = "") -> str | None:
        return self._ask("preview", (item.id, box, run) if run else (item.id, box))

    def ask_rank(self, images: Any = None) -> str | None:
        return self._ask("rank", images)

    def ask_export(self, output: Path, **options: Any) -> str | None:
        return self._ask("export", (output, options))

    def cancel(self, request: str) -> None:
        self.cancelled.append(request)

    def boxes(self) -> list[Box]:
        return [what[1] for kind, what in self.asked if kind == "preview"]

    def answer(self, request: str, box: Box) -> dict[str, Any]:
        """Emit the preview of a box, as the real one does."""
        event = preview_event(self.previews, request, box)
        self.answered.emit(event)
        return event

    def _ask(self, kind: str, what: Any) -> str | None:
        if self.broken:
            return None
        self.asked.append((kind, what))
        return f"{kind}-{len(self.asked)}"


class FakeImages(QObject):
    """Shows an image at once."""

    shown = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def show(self, item: ImageItem) -> None:
        self._session.show(item)
        self.shown.emit()


class FakeTraining(QObject):
    changed = Signal()
    happened = Signal(object)
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.active: RunFolder | None = None
        self.view: RunView = NO_RUN
        self.started: list[str] = []
        self.reason: str | None = None

    def show(self, run: RunFolder | None, **fields: Any) -> None:
        self.active = run
        self.view = NO_RUN if run is None else RunView(run.id, **fields)
        self.changed.emit()

    def why_not(self) -> str | None:
        return self.reason

    @property
    def choice(self) -> TrainingChoice:
        return TrainingChoice()

    def start_again(self, start: str = "last") -> bool:
        self.started.append(start)
        return True


class FakeTeacher(QObject):
    """The layers' window, and what was shown in it."""

    changed = Signal()
    window_changed = Signal()
    wanted = Signal(object)

    def __init__(self, window: Box | None) -> None:
        super().__init__()
        self.window = window
        self.visible: list[Box] = []
        self.answers: list[tuple[Any, ...]] = []
        self.alone = False
        self.acts: list[tuple[Any, ...]] = []
        self.thresholds = Chosen()
        self.rules: dict[str, Any] = {}
        self.shares: tuple[Any, ...] = ()
        self.conflicts: tuple[Any, ...] = ()
        self.words: Any = None
        self.object_there = 0
        self.ready = window is not None

    def look_elsewhere(self, visible: Box) -> None:
        self.visible.append(visible)

    def take_answer(
        self, image_id: str, box: Box, *arrays: np.ndarray, alone: bool = False
    ) -> None:
        self.answers.append((image_id, box, *arrays))
        self.alone = alone

    def set_thresholds(self, foreground: float, seed: float, min_size: int) -> None:
        self.thresholds = Chosen(foreground, seed, min_size)

    def set_rules(self, **changes: Any) -> None:
        self.rules |= changes

    def set_words(self, words: Any) -> None:
        self.words = words

    def class_shares(self) -> tuple[Any, ...]:
        return self.shares

    def object_at(self, world: Any) -> int:
        return self.object_there

    def accept(self, ids: Any) -> int:
        return self._note("accept", ids)

    def reject(self, ids: Any) -> int:
        return self._note("reject", ids)

    def give_back_objects(self, ids: Any) -> int:
        return self._note("give back objects", ids)

    def give_back(self, box: Box | None = None) -> None:
        self.acts.append(("give back", box))

    def accept_tile(self, box: Box) -> None:
        self.acts.append(("accept tile", box))

    def show_layers(self) -> None:
        self.acts.append(("show layers",))

    def show_confidence(self, on: bool) -> None:
        self.acts.append(("confidence", on))

    def show_owners(self, on: bool) -> None:
        self.acts.append(("owners", on))

    def show_outlines(self, on: bool) -> str | None:
        self.acts.append(("outlines", on))
        return None

    def _note(self, name: str, ids: Any) -> int:
        self.acts.append((name, list(ids)))
        return len(self.acts[-1][1])


class FakeAutosave(QObject):
    """Writes at once."""

    saved = Signal(float)

    def mark(self, key: Any, take: Any) -> None:
        take()()
        self.saved.emit(0.0)


class FakeMinutes(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.seconds: float | None = None

    def show(self, seconds: float) -> None:
        self.seconds = seconds
        self.changed.emit()


class FakeTools(QObject):
    """Tools of which none is ever in hand."""

    changed = Signal()
    active: str | None = None
    hint = ""

    def press(self, name: str, home: str) -> None: ...

    def put_away(self) -> None: ...

    def why_not_on_model(self) -> str | None:
        return None


class FakeKeys:
    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def bind(self, name: str, press: Any, release: Any = None) -> None:
        self.bound[name] = press


def preview_event(folder: Path, request: str, box: Box) -> dict[str, Any]:
    """A ``preview`` event with its files: all background, selected everywhere."""
    target = folder / request
    target.mkdir(parents=True)
    arrays = {
        "probability": np.stack([np.ones(box.size), *[np.zeros(box.size)] * 2]),
        "label": np.zeros(box.size, np.uint8),
        "confidence": np.ones(box.size),
        "selected": np.ones(box.size, bool),
    }
    for name, array in arrays.items():
        kind = np.float32 if array.dtype == np.float64 else array.dtype
        np.save(target / f"{name}.npy", array.astype(kind))
    return {
        "event": "preview",
        "request": request,
        "origin": list(box.origin),
        "size": list(box.size),
        "files": {name: f"{request}/{name}.npy" for name in arrays},
    }


def finished_run(project: Project, name: str = "one", **fields: Any) -> RunFolder:
    """A run of ACTIS with an accepted model, without weights."""
    run = RunFolder.create(project.folder, f"actis-{name}")
    card = {
        "thresholds": [0.4, 0.6],
        "min_size": 8,
        "boundary_mode": "inner",
        "watershed_form": "components",
        "method": "actis",
    }
    write_json(run.model / "model.json", card)
    found: dict[str, Any] = {
        "state": "finished",
        "accepted": True,
        "verdict": "It is the first model of this project.",
        "method": "actis",
        "tuned_on": "2 validation tiles",
        "scores": {"validation.ap_actis": 0.78, "validation.f1": 0.9},
        "ended": f"2026-01-0{1 + len(name) % 9}T00:00:00+00:00",
    }
    run.update(**{**found, **fields})
    return run


def living_run(project: Project) -> RunFolder:
    """A run of ACTIS that trains."""
    run = RunFolder.create(project.folder, "actis")
    settings = {"minimum_size": 12, "watershed": "mahotas", "boundary": "outer"}
    run.update(state="training", method="actis", settings=settings)
    return run


def fake_desk(session: Any, viewer: Any, **parts: Any) -> SimpleNamespace:
    palette = SimpleNamespace(
        semantic=False,
        names=("object",),
        chosen=1,
        name=str,
        paint_on_model=print,
    )
    parts.setdefault("palette", palette)
    parts.setdefault("tools", FakeTools())
    parts.setdefault("autosave", FakeAutosave())
    parts.setdefault("minutes", FakeMinutes())
    return SimpleNamespace(session=session, viewer=viewer, **parts)
