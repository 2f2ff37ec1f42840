"""Images whose regions are larger or smaller than expected, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_semiseg.runs.sizes import RegionSize, SizeReport


@dataclass(frozen=True)
class Outside:
    """How far the regions of an image lie outside their bounds.

    Attributes
    ----------
    reason
        In a few words.
    about
        In a sentence.
    excess
        Of its worst class, relative to the bound that is missed.
    class_number
        Which class that is, from 0.
    """

    reason: str
    about: str
    excess: float
    class_number: int = 0


def outside(sizes: SizeReport, known: Collection[str]) -> dict[str, Outside]:
    """Of each image that violates its bounds its worst class, the worst image first.

    Parameters
    ----------
    known
        Ids of the images of the project; others are left out.
    """
    found: dict[str, Outside] = {}
    for image_id, number, one in sizes.violators():
        if image_id in known and image_id not in found:
            name = f"{sizes.classes[number]} " if len(sizes.classes) > 1 else ""
            found[image_id] = Outside(
                f"{name}{against_bounds(one)}",
                f"{name}predicted {against_bounds(one)} of the image.",
                one.excess,
                number,
            )
    return found


def against_bounds(one: RegionSize) -> str:
    """A size that violates its bounds, and these: ``31 %, expected 10 to 22 %``.

    Where it would read like the bound that it misses, both have one more digit.
    """
    size, low, high = one.size or 0.0, one.low, one.high
    words, lower, upper = map(share_words, (size, low, high))
    if size < low and words == lower:
        words, lower = f"{100 * size:.1f}", f"{100 * low:.1f}"
    elif size > high and words == upper:
        words, upper = f"{100 * size:.1f}", f"{100 * high:.1f}"
    return f"{words} %, expected {lower} to {upper} %"


def share_words(share: float) -> str:
    """Percent without digits that mean nothing: 0.4, 3.1, 22."""
    return f"{100 * share:.1f}" if 0 < share < 0.0995 else f"{100 * share:.0f}"
