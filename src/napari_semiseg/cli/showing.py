"""Progress: a bar with the time left on a terminal, plain lines in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import typer

from napari_semiseg.api.outputs import Progress as ImageProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Display(Protocol):
        """Shows how far something is, and what is to be read meanwhile."""

        def line(self, text: str) -> None:
            """Show a line for good."""
            ...

        def progress(self, done: float, total: int, words: str) -> None:
            """Show how far it is."""
            ...


_PLAIN_SECONDS = 10.0  # Between two lines of a log.


@contextlib.contextmanager
def display(title: str) -> Iterator[Display]:
    """A bar on stderr if that is a terminal, else now and then a line."""
    if not sys.stderr.isatty():
        yield PlainDisplay(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield TerminalDisplay(bars, title)


class TerminalDisplay:
    """A rich progress bar."""

    def __init__(self, bars: object, title: str) -> None:
        from rich.progress import Progress

        assert isinstance(bars, Progress)
        self._bars = bars
        self._task = bars.add_task(title, total=None, words="")

    def line(self, text: str) -> None:
        """Show a line above the bar."""
        self._bars.console.print(text, markup=False, highlight=False)

    def progress(self, done: float, total: int, words: str) -> None:
        """Move the bar."""
        self._bars.update(self._task, completed=done, total=total, words=words)


class PlainDisplay:
    """Lines at every tenth of the way, but not too often."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._begun: tuple[float, float] | None = None
        self._last = 0.0
        self._tenth = -1

    def line(self, text: str) -> None:
        """Write a line."""
        typer.echo(text, err=True)

    def progress(self, done: float, total: int, words: str) -> None:
        """Write a line if there is something new."""
        now = time.monotonic()
        self._begun = self._begun or (now, done)
        tenth = int(10 * done / max(total, 1))
        finished = done >= total
        if tenth == self._tenth or (now - self._last < _PLAIN_SECONDS and not finished):
            return
        self._tenth, self._last = tenth, now
        left = self._left(now, done, total)
        self.line(f"{self._title}: {words}{left}")

    def _left(self, now: float, done: float, total: int) -> str:
        since, first = self._begun or (now, done)
        if done <= first or done >= total:
            return ""
        seconds = (now - since) / (done - first) * (total - done)
        return f", {duration_words(seconds)} left"


class ShownImages(ImageProgress):
    """Shows which image is predicted, and how much of it."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._number, self._total, self._name = 0, 0, ""

    def image(self, number: int, total: int, name: str) -> None:
        """An image begins, or all are done."""
        self._number, self._total, self._name = number, total, name
        self.tiles(0, 1)

    def tiles(self, done: int, total: int) -> None:
        """So many tiles of the image are done."""
        words = f"{self._number} of {self._total} images done"
        if self._name:
            words += f", now {self._name}"
        self._shown.progress(self._number + done / max(total, 1), self._total, words)


def duration_words(seconds: float) -> str:
    """A time as people say it: ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
