"""The command that says where to begin labelling: suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
from napari_semiseg.cli.options import JsonOption, ProjectArgument
from napari_semiseg.project.annotation import box_words

if TYPE_CHECKING:
    from napari_semiseg.api import Suggestion


@app.command(
    epilog=example(
        "napari-semiseg suggest my-project",
        "napari-semiseg suggest my-project -n 10 --size 192 --add",
    )
)
def suggest(
    project: ProjectArgument,
    count: Annotated[int, typer.Option("-n", min=1, help="How many tiles.")] = 6,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=16,
            metavar="PX",
            help="Side of a tile; else five or six objects across.",
        ),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Make them tiles to do of the project.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Suggest tiles to label, in images and of looks that differ from each other."""
    calm_threads()
    from napari_semiseg import api
    from napari_semiseg.cli.showing import display

    with display("Looking") as shown:
        found = api.suggest(
            project,
            count,
            size=size,
            add=add,
            progress=lambda done, total: shown.progress(
                done, total, f"{done} of {total} images"
            ),
        )
    if found.warning:
        warn(f"{found.warning.sentence} (napari-semiseg init PROJECT --reduce N)")
    if as_json:
        say_json(_as_dict(found))
        return
    say(f"{found.tile_size} px tiles; {found.object_size.words}.")
    rows = [
        (one.item.name, box_words(one.box), f"{one.score:.0%}") for one in found.tiles
    ]
    say_table([("image", "tile (y,x,height,width)", "stands for"), *rows])
    if found.added:
        say(f"Added {len(found.tiles)} tile(s) to do.")


def _as_dict(found: Suggestion) -> dict[str, Any]:
    return {
        "tile_size": found.tile_size,
        "object_size": found.object_size.diameter,
        "confidence": found.object_size.confidence,
        "warning": found.warning and found.warning.sentence,
        "reduction": found.warning and found.warning.reduction,
        "added": found.added,
        "tiles": [
            {
                "image_id": one.item.id,
                "image": one.item.name,
                "tile": [*one.box.origin, *one.box.size],
                "score": one.score,
            }
            for one in found.tiles
        ],
    }
