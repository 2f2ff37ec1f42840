"""A training in its run folder: noted, watched, ended, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord
    from napari_semiseg.runs.trainable import Finish, Trainable

    class Begun(Trainable, Protocol):
        """A training that knows how it was begun."""

        @property
        def settings(self) -> Settings: ...  # noqa: D102
        @property
        def device(self) -> object: ...  # noqa: D102
        @property
        def messages(self) -> Sequence[str]: ...  # noqa: D102


def note_beginning(run: RunFolder, training: Begun, start: str, **fields: Any) -> None:
    """Write down with what a run begins."""
    run.update(
        settings=training.settings.model_dump(mode="json"),
        seed=training.settings.seed,
        start=start,
        device=str(training.device),
        total_steps=training.total_steps,
        **{"messages": tuple(training.messages), **fields},
    )


def execute(
    run: RunFolder,
    project: Project,
    training: Trainable,
    finish: Finish,
    on_event: Callable[[Event], None] | None,
    *,
    resumed: bool,
) -> RunRecord:
    """Train to the end, a stop or a failure, and write the report."""
    from napari_semiseg.runs.reporting.page import write_page_if_possible
    from napari_semiseg.runs.training_process import TrainingRun

    def source_of(image_id: str) -> ImageSource:
        project.reload()  # The image may have been added since the run began.
        return project.source(project.image(image_id))

    record = TrainingRun(
        run,
        training,
        source_of=source_of,
        finish=finish,
        resumed=resumed,
        on_event=on_event,
    ).train()
    write_page_if_possible(run)
    return record
