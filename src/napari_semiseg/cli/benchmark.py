"""The command that says which method helps on somebody's images: benchmark."""

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
from napari_semiseg.cli.options import DeviceOption, JsonOption, names

if TYPE_CHECKING:
    from napari_semiseg.api.benchmarking.arms import Arm
    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan
    from napari_semiseg.api.benchmarking.summary import Summary


@app.command(
    epilog=example(
        "napari-semiseg benchmark images masks --labelled 5,10 --steps 600 -o report",
        "napari-semiseg benchmark images masks -o report",
        "  --arm nofilter=actis,consistency.filtering=false",
        "napari-semiseg benchmark images masks --arms papers.toml --suite actis",
        "  --labelled 19 --steps 1000 -o report",
        "napari-semiseg benchmark images masks --labelled 10 -o report",
        "  --class-values 0:background,128:cytoplasm,255:nucleus",
        "torchrun --nproc-per-node 4 -m napari_semiseg benchmark images masks -o out",
    )
)
def benchmark(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder of images.")],
    truth: Annotated[
        Path,
        typer.Argument(metavar="TRUTH", help="Folder of masks with the same stems."),
    ],
    report: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="REPORT",
            help="Folder of tables and figures; a benchmark goes on with it.",
        ),
    ],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME,NAME",
            help="Methods with their default settings; by itself all of them, or none "
            "when arms are given.",
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="NAME=METHOD,key=value,...",
            help="A method with changed settings: preset=paper, "
            "network.encoder=resnet18 and so on. Can be repeated.",
        ),
    ] = None,
    arms: Annotated[
        Path | None,
        typer.Option("--arms", metavar="FILE.toml", help="A list of arms."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", metavar="NAME,NAME", help="Tables of that list; all."),
    ] = None,
    labelled: Annotated[
        str,
        typer.Option(
            "--labelled",
            metavar="5,10,20|all",
            help="Numbers of labelled tiles; all: every image is labelled wholly.",
        ),
    ] = "10",
    tile: Annotated[
        int, typer.Option("--tile", min=16, metavar="PX", help="Side of a tile.")
    ] = 128,
    validation: Annotated[
        str,
        typer.Option(
            "--validation",
            metavar="15%|N",
            help="How many of the labelled tiles judge instead of training.",
        ),
    ] = "15%",
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How often tiles are drawn anew.")
    ] = 5,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            metavar="N",
            help="Gradient steps of each training, all stages and networks together.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="Instead of steps: equal minutes."),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups",
            metavar="FILE.csv",
            help="Columns image, group: images of a group (patient, slide) stay on one "
            "side. Frames of a stack and equal images always do.",
        ),
    ] = None,
    class_values: Annotated[
        str | None,
        typer.Option(
            "--class-values",
            metavar="VALUE:NAME,...",
            help="The masks hold classes: 0:background,128:cytoplasm,...",
        ),
    ] = None,
    test: Annotated[
        str,
        typer.Option("--test", metavar="20%|N", help="How many images are held out."),
    ] = "20%",
    test_images: Annotated[
        Path | None,
        typer.Option("--test-images", metavar="DIR", help="Test on these instead."),
    ] = None,
    test_truth: Annotated[
        Path | None, typer.Option("--test-truth", metavar="DIR", help="Their masks.")
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", help="Of all arms; as for train.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", metavar="NAME", help="Of all arms; as for train."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="FILE", help="Of all arms; as for train."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of all arms, such as tile_size=64. Can be repeated.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Of the CPU.")
    ] = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep the model of each training.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare methods on your images: which of them helps, and how much.

    All arms learn from the same tiles with equal steps and are scored on the same test
    images. Interrupted, it goes on when repeated; started several times, the processes
    share the work.
    """
    calm_threads()
    from napari_semiseg.api.benchmarking.amounts import Amount, parse_labelled
    from napari_semiseg.api.benchmarking.arms import parse_changes
    from napari_semiseg.api.benchmarking.class_values import ClassValues
    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan
    from napari_semiseg.learning.methods import merge

    chosen = {"architecture": network, "encoder": encoder, "weights": weights}
    of_network = {name: value for name, value in chosen.items() if value is not None}
    plan = BenchmarkPlan(
        images,
        truth,
        report,
        _arms(methods, arm or [], arms, suite),
        labelled=parse_labelled(labelled),
        tile=tile,
        validation=Amount.parse(validation),
        test=Amount.parse(test),
        seeds=seeds,
        steps=steps,
        minutes=minutes,
        groups=groups,
        class_values=None if class_values is None else ClassValues.parse(class_values),
        test_images=test_images,
        test_truth=test_truth,
        changes=merge(parse_changes(changes or []), {"network": of_network}),
        device=device,
        threads=threads,
        keep_models=keep_models,
    )
    summary = _run(plan)
    if as_json:
        from napari_semiseg.files import read_json

        say_json(read_json(report / "summary.json"))
        return
    _say(summary, report)


def _run(plan: BenchmarkPlan) -> Summary:
    from napari_semiseg.api.benchmarking.benchmark import benchmark as compare
    from napari_semiseg.cli.showing import display
    from napari_semiseg.runs.interruption import Interruption

    interruption = Interruption()
    with display("Benchmark") as shown, interruption.listening():
        return compare(
            plan,
            tell=shown.line,
            progress=shown.progress,
            should_stop=interruption,
        )


def _arms(
    methods: str | None, arm: list[str], file: Path | None, suite: str | None
) -> list[Arm]:
    """Arms in the order: methods, single arms, arms of a file."""
    from napari_semiseg.api.benchmarking.arms import (
        arms_of_methods,
        parse_arm,
        read_arms,
        usual_methods,
    )

    if suite is not None and file is None:
        raise typer.BadParameter("needs --arms FILE.toml", param_hint="--suite")
    found = arms_of_methods(names(methods) or [])
    found += [parse_arm(text) for text in arm]
    if file is not None:
        found += read_arms(file, names(suite) or [])
    if file is None and methods is None:
        # Single arms are compared with the reference.
        found = arms_of_methods(usual_methods()[:1] if arm else usual_methods()) + found
    return found


def _say(summary: Summary, report: Path) -> None:
    from napari_semiseg.api.benchmarking.tables import score_table

    for line in score_table(summary):
        say(line)
    for words, reason in summary.failures.items():
        warn(f"Failed: {words}. {reason}")
    if summary.missing:
        warn(f"{summary.missing} training(s) have not ended yet.")
    say(f"Report: {report / 'report.md'}")
