"""Commands that show whether it works here: doctor, demo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    say_table,
    warn,
)
from napari_semiseg.cli.options import DeviceOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_semiseg.cli.showing import Display
    from napari_semiseg.demo import Sample


@app.command(epilog=example("napari-semiseg doctor"))
def doctor(as_json: JsonOption = False) -> None:
    """Show devices, versions, encoder weights and display, and what to mend."""
    calm_threads()
    from napari_semiseg.api.checking import check_computer

    found = check_computer()
    broken = [one for one in found if one.verdict == "broken"]
    if as_json:
        say_json({"ok": not broken, "checks": [asdict(one) for one in found]})
    else:
        marks = {"ok": "ok", "note": "note", "broken": "BROKEN"}
        say_table((marks[one.verdict], one.name, one.words) for one in found)
        for one in found:
            if one.remedy:
                say(f"- {one.name}: {one.remedy}.")
        say("Everything needed is there." if not broken else "Something is broken.")
    if broken:
        raise typer.Exit(1)


@app.command(
    epilog=example(
        "napari-semiseg demo --headless",
        "napari-semiseg demo --headless --public --minutes 5",
    )
)
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Do not open napari at the end.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where to; else ./napari-semiseg-demo."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Gradient steps.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Instead of steps.")
    ] = None,
    weights: Annotated[str, typer.Option("--weights", help="As for train.")] = "auto",
    device: DeviceOption = "auto",
    public: Annotated[
        bool,
        typer.Option("--public", help="Download real images of nuclei, and use them."),
    ] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            metavar="DIR",
            help="Use the real images in DIR/images with their DIR/masks.",
        ),
    ] = None,
) -> None:
    """Try everything: take images, label three tiles, train, export, score."""
    calm_threads()
    from napari_semiseg.cli.scores import say_scores
    from napari_semiseg.cli.showing import ShownImages, display
    from napari_semiseg.cli.training_log import TrainingLog, closing_words
    from napari_semiseg.demo import open_viewer, run_demo, viewer_missing
    from napari_semiseg.runs.folder import find_run

    with display("Demo") as shown:
        result = run_demo(
            folder,
            samples=_chosen_samples(public, pairs, shown),
            steps=steps,
            minutes=minutes,
            weights=weights,
            device=device,
            tell=shown.line,
            on_event=TrainingLog(shown),
            progress=ShownImages(shown),
        )
    for line in closing_words(
        result.record, find_run(result.folder / "project", result.record.id)
    ):
        say(line)
    say_scores(result.evaluation)
    say(f"Masks and measurements: {result.folder / 'results'}")
    if headless:
        return
    if reason := viewer_missing():
        warn(f"The viewer is not opened: {reason}")
    else:
        open_viewer(result)


class _ShownBytes:
    """Shows how much of a download has arrived."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown

    def __call__(self, done: int, total: int) -> None:
        """So many bytes have arrived, of so many (0: not known)."""
        words = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else "downloading"
        self._shown.progress(done, max(total, done), words)


def _chosen_samples(
    public: bool, pairs: Path | None, shown: Display
) -> Iterator[Sample] | None:
    """The real images that were asked for; None: drawn ones."""
    from napari_semiseg.demo import pairs_in, real_samples
    from napari_semiseg.samples.public import (
        PUBLIC_URL,
        PUBLIC_WORDS,
        fetch_public_set,
    )

    if pairs is not None:
        return real_samples(pairs_in(pairs))
    if not public:
        return None
    shown.line(f"Downloading {PUBLIC_WORDS}, from {PUBLIC_URL}.")
    found = fetch_public_set(Path("napari-semiseg-samples"), _ShownBytes(shown))
    return real_samples(found.train)
