"""Sizes of regions and their bounds, in words; knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.runs.outside import share_words

if TYPE_CHECKING:
    from napari_semiseg.runs.sizes import RegionSize


def band_words(size: RegionSize) -> str:
    """The bounds of a size: ``10 to 22 %``."""
    return f"{share_words(size.low)} to {share_words(size.high)} %"


def percent(share: float | None) -> str:
    """A share of the image in percent; a question mark where it is not known."""
    return "?" if share is None else f"{share_words(share)} %"
