"""Commands that put images and labels into a project: init, label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    example,
    say,
    say_json,
    warn,
)
from napari_semiseg.cli.options import (
    AxesOption,
    ChannelsOption,
    FrameOption,
    ImageArgument,
    JsonOption,
    ProjectArgument,
    TileRole,
    channel_numbers,
    names,
    tile,
)
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box

_MANY = 20  # Images that are listed one by one.


@app.command(
    epilog=example(
        "napari-semiseg init my-project images/*.tif",
        "napari-semiseg init my-project stack.tif --axes TYX",
        "napari-semiseg init my-project held-out --role test",
        "napari-semiseg init blood cells --task semantic --classes cytoplasm,nucleus",
        "napari-semiseg init nuclei images --classes healthy,apoptotic",
        "napari-semiseg init my-project --reduce 3",
    )
)
def init(
    project: ProjectArgument,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="Image files and folders."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="instances: objects one by one (the default), or semantic: a class "
            "for each pixel.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="A,B,C",
            help="Names of the classes; the background, always class 0, is not named.",
        ),
    ] = None,
    axes: AxesOption = None,
    channels: ChannelsOption = None,
    role: Annotated[
        str,
        typer.Option(
            "--role", help="pool, or test: never trains, not even unlabelled."
        ),
    ] = "pool",
    test: Annotated[
        bool, typer.Option("--test", help="The same as --role test.")
    ] = False,
    reduce: Annotated[
        int | None,
        typer.Option(
            "--reduce",
            min=1,
            metavar="N",
            help="Work at a scale reduced N times, for objects wider than half a tile. "
            "Results are written at full size.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project of images, or add images to a project."""
    from napari_semiseg import api
    from napari_semiseg.cli.showing import display

    if not images and reduce is None:
        raise typer.BadParameter("name image files or folders", param_hint="IMAGE...")
    paths = images or []
    if task not in (None, "instances", "semantic"):
        raise typer.BadParameter("choose instances or semantic", param_hint="--task")
    if role not in ("pool", "test"):
        raise typer.BadParameter("choose pool or test", param_hint="--role")
    with display("Reading") as shown:
        count = iter(range(1 << 62))
        report = api.init(
            project,
            paths,
            task=task,  # type: ignore[arg-type]
            classes=names(classes),
            axes=axes,
            channels=channel_numbers(channels),
            role="test" if test else role,  # type: ignore[arg-type]
            reduction=reduce,
            on_file=lambda path: shown.progress(
                next(count), len(paths), f"{path.name}"
            ),
        )
    for one in report.skipped:
        warn(f"Skipped {one.path.name}: {one.reason}")
    if report.found:
        warn(f"Found {report.found} image(s) of the project that had moved.")
    for item in report.missing:
        warn(f"Missing: {item.name}. Name the folder it is in to find it again.")
    if as_json:
        say_json(
            {
                "project": str(report.project.folder),
                "created": report.created,
                "added": [
                    {"id": item.id, "path": item.path, "words": item.words}
                    for item in report.added
                ],
                "skipped": [
                    {"path": str(one.path), "reason": one.reason}
                    for one in report.skipped
                ],
            }
        )
    else:
        for item in report.added[:_MANY]:
            say(report.project.describe(item))
        if len(report.added) > _MANY:
            say(f"... and {len(report.added) - _MANY} more")
        made = "Made" if report.created else "Added to"
        total = len(report.project.images)
        say(
            f"{made} the project {report.project.folder}: {len(report.added)} image(s) "
            f"added, {total} in all."
        )
    if report.skipped and not report.added and not report.found:
        raise SemisegError("No image was added.")


@app.command(
    epilog=example(
        "napari-semiseg label my-project cells.tif cells_labels.tif --tile 0,0,128,128",
        "napari-semiseg label my-project b.tif b_labels.tif --role validation",
        "napari-semiseg label nuclei c.tif c_labels.tif --object-classes c.csv",
    )
)
def label(
    project: ProjectArgument,
    image: ImageArgument,
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            help="Label image: 0 no object, 1, 2, ... objects, negative ignore; of "
            "task semantic 1, 2, ... are the classes in the order of their names.",
        ),
    ],
    tiles: Annotated[
        list[Box] | None,
        typer.Option(
            "--tile",
            parser=tile,
            metavar="Y,X,H,W",
            help="Only this part was labelled; may be repeated. Else the whole image.",
        ),
    ] = None,
    frame: FrameOption = None,
    role: Annotated[
        TileRole,
        typer.Option("--role", help="Validation tiles judge models, and never train."),
    ] = TileRole.TRAINING,
    separate: Annotated[
        bool,
        typer.Option(
            "--separate",
            help="Give each piece of an id that covers several its own id.",
        ),
    ] = False,
    class_values: Annotated[
        str | None,
        typer.Option(
            "--class-values",
            metavar="VALUE:NAME,...",
            help="Which class each grey value stands for, such as "
            "0:background,128:cytoplasm,255:nucleus, or ignore (of a label image of "
            "classes).",
        ),
    ] = None,
    object_classes: Annotated[
        Path | None,
        typer.Option(
            "--object-classes",
            metavar="FILE",
            help="Of which class each object is, where objects have several: a table "
            "with the columns label and class, the JSON file of an exported mask, or a "
            "label image of classes. Else LABELS.csv or LABELS.json, if there.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what you outlined: take labelled tiles from a label image."""
    from napari_semiseg import api

    report = api.label(
        project,
        image,
        labels,
        tiles=tiles,
        frame=frame,
        role=role.value,
        separate=separate,
        class_values=class_values,
        object_classes=object_classes,
    )
    if as_json:
        say_json(
            {
                "tiles": [[*box.origin, *box.size] for box in report.boxes],
                "n_objects": report.n_objects,
                "split_ids": list(report.split_ids),
                "fixed": report.fixed,
                "classes": report.classes and list(report.classes),
                "of_classes": report.of_classes and dict(report.of_classes),
            }
        )
        return
    hint = ""
    if report.split_ids and not report.fixed:
        hint = " (--separate)"
    say(f"{image}, {role.value}: {report.words}{hint}")
