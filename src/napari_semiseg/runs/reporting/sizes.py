"""Which sizes of regions a run was shown, has learned and has reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.runs.outside import against_bounds, share_words
from napari_semiseg.runs.reporting.figures import figure_png
from napari_semiseg.runs.reporting.markup import Markup, image, join, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from napari_semiseg.learning.size_report import RegionSize, SizeReport
    from napari_semiseg.runs.reporting.facts import RunFacts

_MOST_ROWS = 100
_LABELLED, _REACHED = "#8a8f98", "#d9820f"


def sizes_section(facts: RunFacts) -> Markup:
    """Histograms, bounds and violators; nothing of a method that asks for no sizes."""
    known = facts.sizes
    if known is None:
        return Markup("")
    words = (
        "A size is the share of a tile, or of an image, that a class covers. Grey: the "
        "labelled tiles; orange: what the model finds in the unlabelled images."
    )
    pictures = [
        image(_histogram(known, number), f"Sizes of {name}")
        for number, name in enumerate(known.classes)
    ]
    head = ("Class", "Labelled, median", "Error of the estimate", "Bounds", "Used")
    rows = [_class_row(known, number) for number in range(len(known.classes))]
    parts = [tag("h2", "Sizes of regions"), tag("p", known.sentence), tag("p", words)]
    return join([*parts, *pictures, table(head, rows), _outside(facts, known)])


def _class_row(known: SizeReport, number: int) -> tuple[object, ...]:
    labelled = [sizes[number] for sizes in known.labelled]
    gamma, error = known.gamma[number], known.relative_error[number]
    bounds = {"typed": "typed", "oracle": "the truth, for a comparison"}.get(
        known.origin, "-" if gamma is None else f"estimate ± {gamma:.0%} of it"
    )
    return (
        known.classes[number],
        _percent(float(np.median(labelled)) if labelled else None),
        "-" if error is None else f"{error:.0%}",
        bounds,
        "yes" if known.used[number] else "no",
    )


def _outside(facts: RunFacts, known: SizeReport) -> Markup:
    """The images whose sizes are outside their bounds, the worst first."""
    found = known.violators()
    if not any(one.size is not None for one in _sizes(known)):
        return tag("p", "What was reached was not measured.")
    if not found:
        return tag("p", "All unlabelled images are within their bounds.")
    rows = [
        (
            facts.image(image_id),
            known.classes[number],
            against_bounds(one),
        )
        for image_id, number, one in found[:_MOST_ROWS]
    ]
    n_images = len({image_id for image_id, *_ in found})
    words = f"{n_images} of {len(known.images)} unlabelled images outside their bounds"
    listed = table(("Image", "Class", "Found, and its bounds"), rows)
    return tag("details", tag("summary", words), listed)


def _histogram(known: SizeReport, number: int) -> bytes:
    labelled = [100 * sizes[number] for sizes in known.labelled]
    found = (sizes[number].size for sizes in known.images.values())
    reached = [100 * size for size in found if size is not None]

    def draw(axes: Axes) -> None:
        _bars(axes, labelled, reached)
        axes.set(xlabel=f"{known.classes[number]}, % of the area", ylabel="tiles")
        if reached:
            axes.set_ylabel("share of tiles, of images")

    return figure_png(draw, (6, 2.4))


def _bars(axes: Axes, labelled: Sequence[float], reached: Sequence[float]) -> None:
    edges = np.histogram_bin_edges([0.0, *labelled, *reached, 1e-3], 12)
    both = [
        (labelled, _LABELLED, "labelled tiles"),
        (reached, _REACHED, "unlabelled images"),
    ]
    for values, colour, name in both:
        if not values:
            continue
        # Few tiles, many images: heights compare as shares.
        weight = 1 / len(values) if reached else 1.0
        kind = "bar" if values is labelled else "step"
        weights = np.full(len(values), weight)
        axes.hist(
            values,
            edges.tolist(),
            weights=weights,
            histtype=kind,  # type: ignore[arg-type]
            color=colour,
            label=f"{len(values)} {name}",
            linewidth=2,
        )
    if labelled or reached:
        axes.legend(fontsize="small")


def _sizes(known: SizeReport) -> Iterator[RegionSize]:
    return (one for sizes in known.images.values() for one in sizes)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share_words(share)} %"
