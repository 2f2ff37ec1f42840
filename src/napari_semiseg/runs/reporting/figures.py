"""Small pictures for the report."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes


def figure_png(draw: Callable[[Axes], None], size: tuple[float, float]) -> bytes:
    """What ``draw`` draws into the axes of a figure, as a PNG; ``size`` in inches."""
    # Figures without pyplot: no global state, no window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(figure.subplots())
    out = io.BytesIO()
    canvas.print_png(out)  # type: ignore[no-untyped-call]
    return out.getvalue()
