"""Grey values of a mask as classes: ``0:background,128:cytoplasm,255:nucleus``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

BACKGROUND = "background"
IGNORED = "ignore"
_MOST_CLASSES = 254  # A class target is a byte, and 255 means ignore.


@dataclass(frozen=True)
class ClassValues:
    """Which class each grey value of a mask stands for.

    Attributes
    ----------
    classes
        Names, without the background, in the order they were given.
    values
        Grey values, ascending.
    targets
        Of each of them the class: 0 background, 1 the first of ``classes``, ...,
        `IGNORE`.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    targets: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> ClassValues:
        """Read ``0:background,128:cytoplasm,255:nucleus``.

        Several values may name one class. ``ignore`` names values that mean that nobody
        knows.

        Raises
        ------
        SemisegError
            When a part is no value with a name, or there is no background or no class.
        """
        named = dict(map(_part, text.split(",")))
        names = dict.fromkeys(named.values())
        classes = tuple(n for n in names if n not in (BACKGROUND, IGNORED))
        if BACKGROUND not in names or not classes or len(classes) > _MOST_CLASSES:
            raise SemisegError(
                f"{text!r} must name the background and at least one class: "
                "0:background,128:cytoplasm,255:nucleus."
            )
        number = {BACKGROUND: 0, IGNORED: IGNORE}
        number |= {name: n for n, name in enumerate(classes, start=1)}
        values = tuple(sorted(named))
        return cls(classes, values, tuple(number[named[value]] for value in values))

    def classes_of(self, mask: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Class of every pixel; a value that was not named counts as the nearest one.

        (Masks that were smoothed or compressed hold some values in between.) Negative
        pixels are `IGNORE`.
        """
        values = np.array(self.values)
        between = (values[1:] + values[:-1]) / 2
        nearest = np.searchsorted(between, mask)
        found = np.array(self.targets, np.uint8)[nearest]
        return np.where(mask < 0, np.uint8(IGNORE), found)

    def share_unnamed(self, mask: NDArray[np.int32]) -> float:
        """Share of the pixels whose value was not named."""
        return 1.0 - float(np.isin(mask[mask >= 0], self.values).mean())


def _part(text: str) -> tuple[int, str]:
    value, _, name = text.partition(":")
    name = name.strip().lower() if name.strip().lower() == BACKGROUND else name.strip()
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0 or not name:
        raise SemisegError(
            f"{text.strip()!r} is not a grey value with a class: give VALUE:NAME, such "
            "as 128:cytoplasm."
        )
    return number, name
