"""The command line: each command parses, calls `napari_semiseg.api`, and prints."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import typer

from napari_semiseg.cli import (
    accepting,
    benchmark,
    checks,
    models,
    projects,
    ranking,
    reporting,
    results,
    rounds,
    runs,
    scores,
    serving,
    suggesting,
    training,
    viewing,
)
from napari_semiseg.cli.application import DEBUG_VARIABLE, app
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "accepting",
    "app",
    "benchmark",
    "checks",
    "main",
    "models",
    "projects",
    "ranking",
    "reporting",
    "results",
    "rounds",
    "runs",
    "scores",
    "serving",
    "suggesting",
    "training",
    "viewing",
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit; every failure is one sentence on stderr.

    Parameters
    ----------
    arguments
        Without the program's name; None: those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get(DEBUG_VARIABLE))
    try:
        app(args=words, prog_name="napari-semiseg")
    except Exception as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"Error: {_sentence(error)}", err=True)
        raise SystemExit(1) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, SemisegError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The memory does not suffice: close other programs, or use less at once."
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}."
    return (
        f"Something unexpected happened ({type(error).__name__}: {error}). Please "
        "report it with what `napari-semiseg --debug ...` prints for the same command."
    )
