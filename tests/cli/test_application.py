from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_semiseg import api
from napari_semiseg.cli.showing import PlainDisplay, display, duration_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done

COMMANDS = (
    "init",
    "label",
    "train",
    "predict",
    "rank",
    "suggest",
    "accept",
    "evaluate",
    "export",
    "status",
    "pause",
    "resume",
    "stop",
    "demo",
    "doctor",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    cli: Callable[..., Done], command: str
) -> None:
    done = cli(command, "--help")
    assert done.code == 0
    assert f"  napari-semiseg {command}" in done.out
    assert "Example" in done.out


def test_fixed_options_are_there(cli: Callable[..., Done]) -> None:
    fixed = {
        "init": "--task --classes --axes --channels --reduce",
        "label": "--tile --frame --role",
        "train": "--method --preset --steps --minutes --network --encoder --weights "
        "--device --seed --settings --start --resume --threads",
        "predict": "-o --save",
        "accept": "--tile --object",
        "evaluate": "--json",
        "export": "-o",
        "suggest": "-n --size --add --json",
        "demo": "--headless",
        "doctor": "--json",
    }
    for command, options in fixed.items():
        text = cli(command, "--help").out
        for option in options.split():
            assert option in text, (command, option)
    assert "--run " not in cli("train", "--help").out


def test_version_and_no_arguments(cli: Callable[..., Done]) -> None:
    assert cli("--version").out.strip()
    assert "Commands:" in cli("--help").out


def test_wrong_usage_is_not_a_traceback(cli: Callable[..., Done]) -> None:
    done = cli("label", "p", "i", "l", "--tile", "1,2,3")
    assert done.code == 2
    assert "is not a tile" in done.err
    assert cli("nonsense").code == 2
    assert cli("train", "p", "--steps", "0").code == 2


def test_unexpected_errors_are_sentences(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, words in (
        (KeyError("x"), "unexpected happened (KeyError"),
        (MemoryError(), "memory does not suffice"),
        (PermissionError(13, "Permission denied", "/x"), "Permission denied: /x."),
    ):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(api, "status", fail)
        done = cli("status", "p")
        assert done.code == 1
        assert words in done.err


def test_debug_shows_where_it_arose(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from napari_semiseg.cli import main

    with pytest.raises(SystemExit):
        main(["--debug", "status", str(tmp_path)])
    assert "Traceback" in capfd.readouterr().err


def test_module_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_semiseg", "status", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "is not a project" in done.stderr


def test_help_loads_no_torch() -> None:
    code = (
        "import sys\nfrom napari_semiseg.cli import main\n"
        "try: main(['train', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'scipy', 'qtpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_times_in_words() -> None:
    assert duration_words(0.2) == "about 1 s"
    assert duration_words(59) == "about 59 s"
    assert duration_words(600) == "about 10 min"
    assert duration_words(9000) == "about 2.5 h"


def test_plain_progress_is_a_line_now_and_then(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(second) for second in range(1000, 1101))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    shown = PlainDisplay("Training")
    for step in range(101):
        shown.progress(step, 100, f"step {step}")
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "Training: step 0"
    assert lines[1] == "Training: step 10, about 90 s left" or "about 2 min" in lines[1]
    assert lines[-1] == "Training: step 100"
    assert len(lines) == 11


def test_terminal_shows_a_bar(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with display("Training") as shown:
        shown.line("Hello [bold].")
        shown.progress(1, 2, "step 1")
    assert "Hello [bold]." in capfd.readouterr().err
