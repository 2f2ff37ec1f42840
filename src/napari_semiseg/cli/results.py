"""Commands that give results: predict, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    warn,
)
from napari_semiseg.cli.options import (
    AxesOption,
    ChannelsOption,
    DeviceOption,
    JsonOption,
    OutputOption,
    ProjectArgument,
    SaveOption,
    channel_numbers,
    kinds,
)
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from napari_semiseg.api import OutputReport


@app.command(
    epilog=example(
        "napari-semiseg predict my-project -o predictions",
        "napari-semiseg predict my-project new/*.tif -o new_masks",
        "napari-semiseg predict path/to/model cells.tif -o out --save "
        "instances,probability",
    )
)
def predict(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PROJECT|MODEL",
            help="A project (its model in use), or the folder of a model or run.",
        ),
    ],
    output: OutputOption,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGE...]",
            help="Files, folders, or images of the project; else all of the project.",
        ),
    ] = None,
    save: SaveOption = None,
    axes: AxesOption = None,
    channels: ChannelsOption = None,
    rescale: Annotated[
        bool,
        typer.Option("--rescale", help="Predict at the pixel size of the model."),
    ] = False,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Predict images: DIR/STEM.tif with the instances, DIR/KIND/STEM.tif.

    Each frame of a stack has a result of its own, such as cells-t003.tif.
    """
    calm_threads()
    from napari_semiseg import api
    from napari_semiseg.cli.showing import ShownImages, display

    with display("Predicting") as shown:
        report = api.predict(
            source,
            images or (),
            output=output,
            save=kinds(save),
            axes=axes,
            channels=channel_numbers(channels),
            rescale=rescale,
            device=device,
            progress=ShownImages(shown),
        )
    _say_outputs(report, output, as_json)


@app.command(
    epilog=example(
        "napari-semiseg export my-project -o results",
        "napari-semiseg export my-project -o results --drop-border --min-area 30",
    )
)
def export(
    project: ProjectArgument,
    output: OutputOption,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--images",
            metavar="IMAGE",
            help="Only this image; may be repeated, or with commas between them.",
        ),
    ] = None,
    save: SaveOption = None,
    consecutive: Annotated[
        bool, typer.Option("--consecutive", help="Number the objects 1, 2, 3, ...")
    ] = False,
    drop_border: Annotated[
        bool,
        typer.Option("--drop-border", help="Leave out objects at the image's border."),
    ] = False,
    min_area: Annotated[
        int, typer.Option("--min-area", min=0, help="Leave out smaller ones, pixels.")
    ] = 0,
    max_area: Annotated[
        int | None,
        typer.Option("--max-area", min=1, help="Leave out larger ones, pixels."),
    ] = None,
    fill_holes: Annotated[
        bool, typer.Option("--fill-holes", help="Fill holes in objects.")
    ] = False,
    measurements: Annotated[
        bool,
        typer.Option(
            "--measurements/--no-measurements", help="Write a table, DIR/STEM.csv."
        ),
    ] = True,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Write the masks of a project's images, with your own objects on top.

    DIR/STEM.tif holds the objects, STEM.json the options, STEM.csv measurements.
    """
    calm_threads()
    from napari_semiseg import api
    from napari_semiseg.cli.showing import ShownImages, display

    with display("Exporting") as shown:
        report = api.export(
            project,
            output,
            images=[name for given in images or () for name in given.split(",")],
            save=kinds(save),
            options=api.ObjectOptions(
                consecutive, drop_border, min_area, max_area, fill_holes
            ),
            measurements=measurements,
            device=device,
            progress=ShownImages(shown),
        )
    _say_outputs(report, output, as_json)


def _say_outputs(report: OutputReport, folder: Path, as_json: bool) -> None:
    for one in report.written:
        if one.warning:
            warn(f"{one.name}: {one.warning} (--rescale)")
    for bad in report.skipped:
        warn(f"Skipped {bad.path.name}: {bad.reason}")
    if as_json:
        say_json(report.as_dict())
    else:
        counts = [one.n_objects for one in report.written if one.n_objects is not None]
        objects = f", {sum(counts)} object(s)" if counts else ""
        skipped = f", {len(report.skipped)} skipped" if report.skipped else ""
        say(f"{len(report.written)} image(s){objects} written to {folder}{skipped}.")
        if report.n_conflicts:
            say(f"{report.n_conflicts} object(s) of the model gave way to yours.")
    if not report.written:
        raise SemisegError("No image could be written.")
