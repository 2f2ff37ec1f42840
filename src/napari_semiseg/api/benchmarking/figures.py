"""The figures of a benchmark, drawn without a window."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.benchmarking.arms import REFERENCE_METHOD, reference_of
from napari_semiseg.api.benchmarking.cells import Cell, CellFolder
from napari_semiseg.api.benchmarking.sheet import load_sheet
from napari_semiseg.api.benchmarking.tables import SCORE_WORDS
from napari_semiseg.files import make_folder, replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_semiseg.api.benchmarking.arms import Arm
    from napari_semiseg.api.benchmarking.sheet import Planes
    from napari_semiseg.api.benchmarking.summary import Row, Summary

_LOSS_TOP = 3.0  # Nats: a pixel given a twentieth of the probability.


def draw_figures(
    report: Path, arms: Sequence[Arm], cells: Sequence[Cell], summary: Summary
) -> None:
    """Write the figures of what has ended into ``figures``."""
    folder = make_folder(report / "figures")
    if summary.rows:
        draw_accuracy(folder / "accuracy_by_tiles.png", summary)
        draw_confidence(folder / "confidence.png", summary)
    draw_validation(folder / "validation_by_step.png", report, cells)
    draw_sheets(folder, report, arms, cells)


def draw_accuracy(path: Path, summary: Summary) -> None:
    """Main score against the number of labelled tiles, a curve an arm."""
    figure = _figure(6, 4)
    axes = figure.subplots()
    for arm in dict.fromkeys(row.arm for row in summary.rows):
        rows = [row for row in summary.rows if row.arm == arm]
        axes.errorbar(
            [row.n_tiles for row in rows],
            [row.scores[summary.main_score] for row in rows],
            yerr=[row.spread[summary.main_score] for row in rows],
            marker="o",
            capsize=3,
            label=arm,
        )
    axes.set_xscale("log")
    ticks = sorted({row.n_tiles for row in summary.rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labelled tiles")
    axes.set_ylabel(f"{SCORE_WORDS[summary.main_score]} (test, ± sd of seeds)")
    axes.legend(fontsize="small")
    _save(figure, path)


def draw_validation(path: Path, report: Path, cells: Sequence[Cell]) -> None:
    """Validation score over the steps, a panel for each number of tiles."""
    curves = _validation_curves(report, cells)
    if not curves:
        return
    numbers = list(dict.fromkeys(cell.n_labelled for cell, _ in curves))
    figure = _figure(5 * len(numbers), 4)
    panels = figure.subplots(1, len(numbers), squeeze=False, sharey=True)[0]
    arms = list(dict.fromkeys(cell.arm.name for cell, _ in curves))
    for axes, number in zip(panels, numbers, strict=True):
        for cell, points in curves:
            if cell.n_labelled == number:
                colour = f"C{arms.index(cell.arm.name) % 10}"
                label = cell.arm.name if cell.seed == curves[0][0].seed else None
                axes.plot(*zip(*points, strict=True), color=colour, label=label, lw=1)
        axes.set_title(f"{number} tiles")
        axes.set_xlabel("step")
    panels[0].set_ylabel("score on validation tiles")
    panels[0].legend(fontsize="small")
    _save(figure, path)


def _validation_curves(
    report: Path, cells: Sequence[Cell]
) -> list[tuple[Cell, list[tuple[int, float]]]]:
    found = []
    for cell in cells:
        result = CellFolder.of(report, cell).result()
        points = [
            (one["step"], next(iter(one["scores"].values())))
            for one in (result["curve"] if result else ())
            if one["scores"]
        ]
        if points:
            found.append((cell, points))
    return found


def draw_confidence(path: Path, summary: Summary) -> None:
    """Accuracy against mean confidence per class, inside and outside the mask."""
    rows = [row for row in summary.rows if row.confidence]
    if not rows:
        return
    arms = list(dict.fromkeys(row.arm for row in rows))
    figure = _figure(3.2 * len(arms), 3.4)
    panels = figure.subplots(1, len(arms), squeeze=False, sharey=True)[0]
    for axes, arm in zip(panels, arms, strict=True):
        _confidence_panel(axes, [row for row in rows if row.arm == arm][-1])
        axes.set_title(arm, fontsize="medium")
        axes.set_xlabel("mean confidence")
    panels[0].set_ylabel("accuracy")
    panels[0].legend(fontsize="x-small")
    _save(figure, path)


def _confidence_panel(axes: Axes, row: Row) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    for one in row.confidence:
        axes.scatter(
            one["confidence"],
            one["accuracy"],
            s=20 + 200 * one["share"],
            facecolor=f"C{one['class']}" if one["selected"] else "none",
            edgecolor=f"C{one['class']}",
            label=f"class {one['class']}, {'in' if one['selected'] else 'out of'} mask",
        )
    axes.set_xlim(0.3, 1.02)
    axes.set_ylim(0, 1.02)


def draw_sheets(
    folder: Path, report: Path, arms: Sequence[Arm], cells: Sequence[Cell]
) -> None:
    """A sheet an arm: input, augmented, teacher, student, supervised, truth, ..."""
    first = {
        cell.arm.name: path
        for cell in reversed(cells)
        if (path := CellFolder.of(report, cell).sheet).is_file()
    }
    supervised = next(
        (arm for arm in arms if arm.method == REFERENCE_METHOD and arm.name in first),
        None,
    )
    for arm in arms:
        if arm.name not in first:
            continue
        # A suite may have a supervised arm of another method, for all to be against.
        beside = supervised or reference_of(arm, arms) or arm
        reference = load_sheet(first[beside.name]) if beside.name in first else None
        draw_sheet(
            folder / f"sheet-{arm.stem}.png",
            arm.name,
            load_sheet(first[arm.name]),
            None if reference is None else reference["teacher"],
            beside.name,
        )


def draw_sheet(
    path: Path,
    title: str,
    planes: Planes,
    reference: NDArray[Any] | None,
    reference_name: str,
) -> None:
    """One sheet of eight pictures of the same region.

    ``reference`` is what another arm, the supervised one, predicts there.
    """
    figure = _figure(11, 6)
    figure.suptitle(title)
    panels = figure.subplots(2, 4).ravel()
    n_classes = int(max(planes["truth"][planes["truth"] < 255].max(initial=1), 2)) + 1
    classes = functools.partial(_classes, n_classes=n_classes)
    pictures: list[tuple[str, NDArray[Any] | None, dict[str, Any]]] = [
        ("input", _grey_or_colour(planes["input"]), {"cmap": "gray"}),
        ("augmented input", _grey_or_colour(planes["augmented"]), {"cmap": "gray"}),
        ("teacher", classes(planes["teacher"]), {}),
        ("student, on augmented", classes(planes["student"]), {}),
        (reference_name, None if reference is None else classes(reference), {}),
        ("truth", classes(planes["truth"]), {}),
        ("selected mask", planes["selected"], {"cmap": "gray", "vmin": 0, "vmax": 1}),
        ("loss map", planes["loss"], {"cmap": "magma", "vmin": 0, "vmax": _LOSS_TOP}),
    ]
    for axes, (name, picture, look) in zip(panels, pictures, strict=True):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(name, fontsize="medium")
        if picture is not None:
            axes.imshow(picture, interpolation="nearest", **look)
    _save(figure, path)


def _classes(plane: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Class numbers as colours; unknown pixels are grey."""
    from matplotlib import colormaps

    colours = np.array(colormaps["viridis"](np.linspace(0, 1, n_classes)))[:, :3]
    known = plane < n_classes
    picture: NDArray[np.float64] = colours[np.where(known, plane, 0).astype(int)]
    picture[~known] = 0.5
    return picture


def _grey_or_colour(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(C, Y, X)`` as a picture: red, green, blue of three channels, else the mean."""
    seen = np.clip(pixels, 0, 1)
    picture: NDArray[np.float32] = (
        np.moveaxis(seen, 0, -1) if len(seen) == 3 else seen.mean(0)
    )
    return picture


def _figure(width: float, height: float) -> Figure:
    # Figures without pyplot: no global state, no window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    def write(temporary: Path) -> None:
        figure.savefig(temporary, format="png", dpi=110)

    replace_file(path, write)
