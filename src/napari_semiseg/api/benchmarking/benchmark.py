"""Compare methods on images whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari_semiseg.api.benchmarking import effort
from napari_semiseg.api.benchmarking.cells import CellFolder, key_of
from napari_semiseg.api.benchmarking.drawing import draw
from napari_semiseg.api.benchmarking.facts import (
    benchmark_facts,
    cell_facts,
    words_of,
)
from napari_semiseg.api.benchmarking.figures import draw_figures
from napari_semiseg.api.benchmarking.processes import own_device
from napari_semiseg.api.benchmarking.sides import sides_of
from napari_semiseg.api.benchmarking.summary import Summary, summarise
from napari_semiseg.api.benchmarking.tables import write_tables
from napari_semiseg.api.benchmarking.training_cell import (
    CellTraining,
    LeftError,
    Task,
)
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json

if TYPE_CHECKING:
    from napari_semiseg.api.benchmarking.cells import Cell
    from napari_semiseg.api.benchmarking.drawing import Drawn
    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan

Tell = Callable[[str], None]
Progress = Callable[[float, int, str], None]


def benchmark(
    plan: BenchmarkPlan,
    *,
    tell: Tell = lambda line: None,
    progress: Progress = lambda done, total, words: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Summary:
    """Train all arms on the same tiles, score them on the same images, and report.

    Trainings that have ended before are not repeated, one that was interrupted goes on;
    several processes with the same plan share the work. Tables and figures are of what
    has ended.

    Parameters
    ----------
    tell
        Called with a line to be read.
    progress
        Called with trainings done, trainings in all, and words.
    should_stop
        Asked often: whether to save and leave.

    Raises
    ------
    SemisegError
        When the plan does not fit the images, or the report is of another benchmark.
    """
    plan.check()
    make_folder(plan.report)
    pool, test = sides_of(plan, tell)
    tell(f"{len(pool)} images to learn from, {len(test)} to test on.")
    write_json(plan.report / "benchmark.json", benchmark_facts(plan, pool, test))
    _Cells(plan, pool, test, tell, progress, should_stop).run()
    summary = summarise(
        plan.report, plan.arms, plan.labelled, range(plan.seeds), plan.classes
    )
    write_tables(plan.report, plan.cells, summary, words_of(plan, pool, test))
    draw_figures(plan.report, plan.arms, plan.cells, summary)
    return summary


class _Cells:
    """Runs the cells that nobody has run yet, one after the other."""

    def __init__(
        self,
        plan: BenchmarkPlan,
        pool: Sequence[Example],
        test: Sequence[Example],
        tell: Tell,
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._pool = pool
        self._test = test
        self._tell = tell
        self._progress = progress
        self._should_stop = should_stop
        self._device = own_device(plan.device)
        self._drawn: dict[tuple[str, int], Drawn] = {}

    def run(self) -> None:
        """All cells; leaves early when told to stop."""
        _set_threads(self._plan.threads)
        cells = self._plan.cells
        for number, cell in enumerate(cells):
            self._progress(number, len(cells), cell.words)
            if self._should_stop():
                return
            folder = CellFolder.of(self._plan.report, cell)
            with folder.claimed() as mine:
                if not mine:
                    continue
                try:
                    self._run(cell, folder, number)
                except LeftError:
                    self._tell("Stopped; repeat the command to go on.")
                    return
        self._progress(len(cells), len(cells), "all done")

    def _run(self, cell: Cell, folder: CellFolder, number: int) -> None:
        plan = self._plan
        drawn = self._draw(cell)
        n_unlabelled = len(drawn.training_set.unlabelled)
        settings = plan.settings(cell.arm, cell.seed, n_unlabelled)
        key = key_of(cell_facts(plan, cell, settings, drawn, self._test))
        if folder.result(key) is not None:
            return
        if plan.minutes is not None:
            settings = effort.for_minutes(
                settings,
                plan.minutes,
                drawn.training_set,
                device=self._device,
                path=plan.report / "paces" / f"{cell.arm.stem}-{cell.n_labelled}.json",
            )
        task = Task(
            drawn, self._test, settings, self._device, cell.seed == 0, plan.keep_models
        )
        total = len(plan.cells)
        training = CellTraining(
            task,
            folder,
            tell=lambda words, share: self._progress(
                number + 0.99 * share, total, f"{cell.words}: {words}"
            ),
            should_stop=self._should_stop,
        )
        found = {
            "key": key,
            "arm": cell.arm.name,
            "labelled": cell.n_labelled,
            "n_tiles": drawn.n_tiles,
            "seed": cell.seed,
            "settings": settings.model_dump(mode="json"),
        }
        try:
            found |= training.run()
        except SemisegError as error:
            found["failure"] = str(error)
            self._tell(f"{cell.words} failed: {error}")
        folder.save(found)

    def _draw(self, cell: Cell) -> Drawn:
        wanted = (cell.n_labelled, cell.seed)
        if wanted not in self._drawn:
            # One set of tiles at a time: all arms come after one another.
            self._drawn = {wanted: draw(self._pool, *wanted, self._plan.question)}
        return self._drawn[wanted]


def _set_threads(threads: int | None) -> None:
    import torch

    from napari_semiseg.learning.devices import cpu_threads

    torch.set_num_threads(threads or cpu_threads())
