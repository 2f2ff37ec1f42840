"""Starts, follows and steers the runs of a project; shows only what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs import supervisor
from napari_semiseg.viewer.training.following import Following, stop_beside
from napari_semiseg.viewer.training.ground import GroundCount, why_no_training
from napari_semiseg.viewer.training.run_starting import save_strokes, start_run
from napari_semiseg.viewer.training.run_view import (
    NO_RUN,
    RunView,
    fulfilled,
    starting,
    wished,
)
from napari_semiseg.viewer.training.run_watch import RunWatch
from napari_semiseg.viewer.training.training_choice import How, TrainingChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.supervisor import RunningProcess
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.training.following import Told
    from napari_semiseg.viewer.training.ground import Ground
    from napari_semiseg.viewer.training.run_view import RunViewState

_GOING_ON = "A run is going on already: let it end, or stop it."


class Training(QObject):
    """The run of the open project: the living one, else the newest.

    What is shown comes from the run's own files, so that it is the same whoever started
    the run; only a wish (to pause, to stop) is shown before the run has answered.

    Attributes
    ----------
    active
        The run that is going on, None while there is none.
    """

    changed = Signal()
    """`view`, `active`, `ground` or what may be done is another one."""
    happened = Signal(object)
    """An event of the living run, as it wrote it."""
    ended = Signal(object)
    """The last `RunView` of a run that was going on."""
    _told = Signal(object)
    _words = Signal(str)

    def __init__(
        self,
        desk: Desk,
        start: Callable[..., RunningProcess] = supervisor.start,
        resume: Callable[..., RunningProcess] = supervisor.resume,
    ) -> None:
        super().__init__()
        self._desk = desk
        self._start_process, self._resume_process = start, resume
        self.active: RunFolder | None = None
        self._facts: RunView = NO_RUN
        self._wish: RunViewState | None = None
        self._following: Following | None = None
        self._count = GroundCount(desk, self)
        self._watch = RunWatch(desk, self)
        self._closed = False
        self._count.changed.connect(self.changed)
        self._watch.found.connect(self._found)
        self._told.connect(self._take)
        self._words.connect(self._say)
        desk.session.project_changed.connect(self._change_project)

    @property
    def ground(self) -> Ground | None:
        """What there is to learn from; None until it has been counted."""
        return self._count.ground

    @property
    def has_model(self) -> bool:
        """Whether the project has a model in use, as far as is known."""
        return self.ground is not None and self.ground.has_model

    @property
    def view(self) -> RunView:
        """The run as it stands, with what was asked of it."""
        return wished(self._facts, self._wish)

    @property
    def run_folder(self) -> RunFolder | None:
        """The run that `view` shows, living or not."""
        return None if self._following is None else self._following.run_folder

    @property
    def choice(self) -> TrainingChoice:
        """How this project is trained, as it was chosen last."""
        project = self._desk.session.project
        return TrainingChoice.remembered({} if project is None else project.settings)

    def why_not(self) -> str | None:
        """Why no run can be started, a sentence; None: it can."""
        if self.active is not None:
            return _GOING_ON
        return why_no_training(self._desk.session, self.ground)

    def why_not_resumed(self) -> str | None:
        """Why the run that has ended cannot go on, a sentence; None: it can."""
        if self.active is not None:
            return _GOING_ON
        if not self._facts.resumable:
            return "This run has nothing to go on from: start a new one."
        return self._desk.session.read_only

    def start(
        self, settings: Settings, *, steps: int | None = None, **how: Unpack[How]
    ) -> bool:
        """Start a run with the labels as they are now, and remember how.

        Whether it was started; if not, the reason has been said.

        Parameters
        ----------
        steps
            Instead of the steps of the settings, as ``minutes`` among ``how``.
        how
            Fields of `TrainingChoice`.
        """
        if steps is not None:
            settings = settings.model_copy(update={"steps": steps})
        choice = TrainingChoice.of(settings, **how)
        return self._attempt(self.why_not(), lambda: self._begin(settings, choice))

    def start_again(self, start: str = "last") -> bool:
        """Start a run as it was chosen last, from the model in use by itself."""
        chosen = self.choice
        how: How = {
            "minutes": chosen.minutes,
            "device": chosen.device,
            "start": start,
            "cross_validate": chosen.cross_validate,
        }
        return self.start(chosen.settings(), **how)

    def pause(self) -> None:
        """Ask the run to pause after its step."""
        self._ask("pausing", supervisor.request_pause)

    def resume(self) -> None:
        """Ask the paused run to go on."""
        self._ask("resuming", supervisor.request_resume)

    def stop(self) -> None:
        """Ask the run to stop and save its model; a run that is deaf is ended."""
        run = self.active
        if run is None or self.view.state == "stopping":
            return
        process = None if self._following is None else self._following.process
        stop_beside(run, process, self._words.emit)
        self._wish = "stopping"
        self.changed.emit()

    def request_stop(self) -> None:
        """Leave a note that the run is to stop, for whoever will not wait for it."""
        self._ask("stopping", supervisor.request_stop)

    def resume_ended(self) -> bool:
        """Start a process that goes on with the run that has ended."""
        return self._attempt(self.why_not_resumed(), self._go_on)

    def close(self) -> None:
        """Follow no more; a run that is going on goes on."""
        if self._closed:
            return
        self._closed = True
        self._desk.session.project_changed.disconnect(self._change_project)
        self._count.close()
        self._watch.stop()
        self._leave()

    def _change_project(self) -> None:
        self._leave()
        self._facts = NO_RUN
        if self._desk.session.project is None:
            self._watch.stop()
        else:
            self._watch.begin()
        self.changed.emit()

    def _leave(self) -> None:
        if self._following is not None:
            self._following.leave()
        self._following, self.active, self._wish = None, None, None

    def _found(self, run: RunFolder, living: bool) -> None:
        if self.active is None and (living or self.run_folder != run):
            self._follow(run, living=living)

    def _follow(
        self,
        run: RunFolder,
        *,
        process: RunningProcess | None = None,
        living: bool = True,
    ) -> None:
        self._leave()
        self._watch.stop()
        self.active = run if living else None
        self._following = Following(
            run, self._told.emit, process=process, living=living
        )
        self._following.start()

    def _take(self, told: Told) -> None:
        if told.by is not self._following:
            return  # Late words of a run that was left.
        was_living = self.active is not None
        if told.view is not None:
            self._facts = told.view
        if told.problem:
            state: RunViewState = "failed"
            self._facts = replace(self._facts, state=state, sentence=told.problem)
        if told.ended:
            self.active = None
            if self._facts.beside is None:
                self._watch.wait_beside(told.by.run_folder)
            else:  # The run that it served is what counts.
                self._watch.begin()
        if fulfilled(self._facts, self._wish):
            self._wish = None
        for event in told.events:
            self.happened.emit(event)
        self.changed.emit()
        if told.ended and was_living:
            self._note_end()

    def _note_end(self) -> None:
        view = self._facts
        self._count.count()
        self.ended.emit(view)
        # A check may also take a model back.
        decided = view.accepted or view.check_of is not None
        if decided and view.state in ("finished", "stopped"):
            self._desk.session.model_changed.emit()

    def _attempt(self, reason: str | None, act: Callable[[], None]) -> bool:
        """Do something unless there is a reason not to; say what prevents it."""
        if reason is None:
            try:
                act()
            except (SemisegError, OSError) as error:
                reason = str(error)
        if reason is not None:
            self._say(reason)
        return reason is None

    def _begin(self, settings: Settings, choice: TrainingChoice) -> None:
        project = self._desk.session.opened
        save_strokes(self._desk.autosave)
        running = supervisor.attach(project.folder)
        if running is not None:
            self._follow(running)  # Somebody else was faster.
            raise SemisegError(_GOING_ON)
        process = start_run(project, settings, choice, self._start_process)
        self._show_start(process, RunView(process.run.id, settings.name))

    def _go_on(self) -> None:
        run = self.run_folder
        if run is not None:
            save_strokes(self._desk.autosave)
            self._show_start(self._resume_process(run), self._facts)

    def _show_start(self, process: RunningProcess, view: RunView) -> None:
        self._follow(process.run, process=process)
        self._facts = starting(view)
        self.changed.emit()

    def _ask(self, wish: RunViewState, request: Callable[[RunFolder], object]) -> None:
        run = self.active
        if run is None:
            return
        try:
            request(run)
        except (SemisegError, OSError) as error:
            self._say(str(error))
            return
        self._wish = wish
        self.changed.emit()

    def _say(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)
