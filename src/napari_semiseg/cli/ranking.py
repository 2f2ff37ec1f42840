"""The command that says which images to look at first: rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    say_table,
    warn,
)
from napari_semiseg.cli.options import DeviceOption, JsonOption, ProjectArgument

if TYPE_CHECKING:
    from napari_semiseg.api import RankedImage


@app.command(
    epilog=example(
        "napari-semiseg rank my-project", "napari-semiseg rank my-project --json"
    )
)
def rank(
    project: ProjectArgument, device: DeviceOption = "auto", as_json: JsonOption = False
) -> None:
    """List the images in the order to work through, each with its most doubtful tile.

    Correct or label the tile: that teaches the model most.
    """
    calm_threads()
    from napari_semiseg import api
    from napari_semiseg.cli.showing import ShownImages, display

    with display("Ranking") as shown:
        ranked = api.rank(project, device=device, progress=ShownImages(shown))
    for one in ranked:
        if one.problem:
            warn(f"Not ranked: {one.name}: {one.problem}")
    if as_json:
        say_json([one.as_dict() for one in ranked])
        return
    known = [one for one in ranked if one.confidence is not None]
    say("Confidence: mean over the objects' pixels, 0 to 1; tile: as for label --tile.")
    columns = ["image", "confidence", "objects", "tile", "why", ""]
    rows = [
        [
            one.name,
            f"{one.confidence:.3f}",
            str(one.n_objects),
            _tile(one),
            one.reason,
            _remarks(one),
        ]
        for one in known
    ]
    if any(one.reliability is not None for one in known):
        say("Reliability: how well stages of the training agreed on it, 0 to 1.")
        columns.insert(1, "reliability")
        for row, one in zip(rows, known, strict=True):
            score = one.reliability
            row.insert(1, "" if score is None else f"{score:.3f}")
    say_table([columns, *rows])


def _tile(one: RankedImage) -> str:
    if one.box is None:
        return ""
    return ",".join(str(number) for number in (*one.box.origin, *one.box.size))


def _remarks(one: RankedImage) -> str:
    remarks = ["has a finished tile"] if one.finished else []
    return ", ".join([*remarks, "test"] if one.role == "test" else remarks)
