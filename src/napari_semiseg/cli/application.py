"""The typer application and what all commands share."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_semiseg import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

DEBUG_VARIABLE = "NAPARI_SEMISEG_DEBUG"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text: the same on a terminal, in a log file and in a cluster's mail.
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"napari-semiseg {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_say_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help=f"Show where an error arose (also: {DEBUG_VARIABLE}=1)."
        ),
    ] = False,
) -> None:
    """Instance segmentation of microscopy images from a few labelled tiles.

    Outline the objects in some small tiles, train on them and on all unlabelled images,
    and export instance masks.
    """


def example(*lines: str) -> str:
    """The end of a help text; its lines are not wrapped."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


def say(text: str) -> None:
    """Print a result."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print what is no result: warnings, reasons, progress."""
    typer.echo(text, err=True)


def say_json(value: Any) -> None:
    """Print a result for a script."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(rows: Iterable[Iterable[str]]) -> None:
    """Print rows in columns."""
    texts = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def calm_threads() -> None:
    """Let idle threads sleep; has an effect only before torch is loaded.

    Spinning ones cost ten times the time on a busy computer.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
