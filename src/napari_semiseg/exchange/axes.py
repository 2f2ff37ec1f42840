"""What axes mean: T frames, C channels, S colour, Z planes, Y rows, X columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = "TCZYXS"
UNKNOWN = "Q"  # An axis of which the file does not say what it means.
_MOST_CHANNELS_LAST = 7  # A last axis this short may be channels: offer it as a choice.
_NOUNS = {
    "T": ("frame", "frames"),
    "C": ("channel", "channels"),
    "Z": ("plane", "planes"),
    "S": ("colour sample", "colour samples"),
}


class AmbiguousAxesError(SemisegError):
    """The file does not say what an axis means, and a guess could be wrong.

    Attributes
    ----------
    choices
        Axes strings that fit the array, e.g. ``("CYX", "TYX", "ZYX")``.
    shape
        Shape of the stored array.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], choices: Sequence[str]
    ) -> None:
        self.choices = tuple(choices)
        self.shape = shape
        long = tuple(size for size in shape if size > 1)
        ways = [_explain(choice, shape) for choice in self.choices]
        super().__init__(
            f"{name} is {sizes(long)} and does not say what each axis means: state its "
            f"axes as {', '.join(ways[:-1])} or {ways[-1]}."
        )


@dataclass(frozen=True)
class Layout:
    """The meaning of each axis of an array.

    Attributes
    ----------
    axes
        One letter an axis; letters outside ``TCZYXS`` have size 1.
    shape
        Size of each axis.
    """

    axes: str
    shape: tuple[int, ...]

    def size(self, letter: str) -> int:
        """Pixels, frames or channels along an axis; 1 where there is none."""
        return self.shape[self.axes.index(letter)] if letter in self.axes else 1

    @property
    def spatial(self) -> str:
        """``YX``, or ``ZYX`` for a volume."""
        return "ZYX" if self.size("Z") > 1 else "YX"

    @property
    def channel_axis(self) -> str:
        """The letter of the axis along which the channels lie, ``C`` or ``S``."""
        return "S" if self.size("S") > 1 else "C"

    @property
    def n_channels(self) -> int:
        """Number of channels, colour samples counted as channels."""
        return self.size("C") * self.size("S")

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.size("T")


def resolve(
    name: str, shape: tuple[int, ...], stored: str, stated: str | None = None
) -> Layout:
    """Decide what each axis means, or say why that is not known.

    Parameters
    ----------
    name
        Name of the file, for the sentences.
    shape
        Shape of the stored array.
    stored
        What the file says, one letter an axis; other letters than ``TCZYXS``: not said.
    stated
        What the user says; wins over the file. Axes of size 1 may be left out.

    Raises
    ------
    AmbiguousAxesError
        When the file does not say and the user has not either.
    SemisegError
        When the stated axes do not fit, or the array has more axes than can be used.
    """
    if 0 in shape:
        raise SemisegError(f"{name} holds no pixel: its size is {sizes(shape)}.")
    if sum(size > 1 for size in shape) > 4:
        raise _too_many(name, shape)
    stored = _without_repeats(stored, shape)
    axes = stored if stated is None else _match(name, shape, stored, stated)
    layout = Layout(axes, shape)
    unknown = [i for i, a in enumerate(layout.axes) if a not in KNOWN and shape[i] > 1]
    if unknown:
        raise AmbiguousAxesError(name, shape, _choices(layout, unknown))
    if not {"Y", "X"} <= set(layout.axes):
        raise SemisegError(
            f"{name} has the axes {layout.axes}: an image needs at least Y and X."
        )
    if layout.size("C") > 1 and layout.size("S") > 1:
        raise _too_many(name, shape)
    return layout


def sizes(shape: Sequence[int]) -> str:
    """A shape in words, ``512 x 512``."""
    return " x ".join(map(str, shape)) or "1"


def count(number: int, letter: str) -> str:
    """A number with its noun, ``3 channels``."""
    return f"{number} {_NOUNS[letter][number != 1]}"


def _match(name: str, shape: tuple[int, ...], stored: str, stated: str) -> str:
    """Lay the stated axes over the stored ones; axes of size 1 may be left out."""
    axes = stated.replace(" ", "").upper()
    long = [a for a in axes if a in KNOWN]
    if len(set(long)) < len(long) or not {"Y", "X"} <= set(long):
        raise SemisegError(
            f"The axes {stated!r} cannot be used: name Y, X and, where the image has "
            "them, T (frames), C (channels) or Z (planes), each once, such as TCYX."
        )
    full = list(UNKNOWN * len(shape))
    kept = _without_singletons(shape, stored, len(shape) - len(axes))
    fits = len(kept) == len(axes)
    for position, letter in zip(kept, axes, strict=False):
        fits = fits and (letter in KNOWN or shape[position] == 1)
        full[position] = letter
    if not fits:
        raise SemisegError(
            f"The axes {stated!r} do not fit {name}, which is {sizes(shape)}: state "
            "one letter for each axis."
        )
    return "".join(full)


def _without_repeats(axes: str, shape: tuple[int, ...]) -> str:
    """Let only one axis have a letter, the longest one, of equals the last."""
    letters = list(axes)
    for letter in set(axes):
        places = [i for i, a in enumerate(axes) if a == letter]
        for place in places:
            if place != max(places, key=lambda i: (shape[i], i)):
                letters[place] = UNKNOWN
    return "".join(letters)


def _without_singletons(
    shape: tuple[int, ...], stored: str, n_surplus: int
) -> list[int]:
    """Positions that remain when ``n_surplus`` axes of size 1 are left out."""
    single = [i for i, size in enumerate(shape) if size == 1]
    # First those that mean nothing, and the image's own rows and columns last.
    single.sort(key=lambda i: (stored[i] in KNOWN, stored[i] in "YX"))
    left_out = set(single[: max(0, n_surplus)])
    return [i for i in range(len(shape)) if i not in left_out]


def _choices(layout: Layout, unknown: list[int]) -> list[str]:
    """Every reading of the unknown axes, without the letters that are taken."""
    taken = set(layout.axes) | ({"C"} if layout.size("S") > 1 else set())
    free = [letter for letter in "CTZ" if letter not in taken]
    readings = []
    for letters in permutations(free, len(unknown)):
        axes = list(layout.axes)
        for position, letter in zip(unknown, letters, strict=True):
            axes[position] = letter
        readings.append(
            "".join(a for a, n in zip(axes, layout.shape, strict=True) if a in KNOWN)
        )
    if len(unknown) == 1 and layout.axes.endswith("YX") and not taken & {"C", "S"}:
        if layout.shape[-1] <= _MOST_CHANNELS_LAST:
            readings.append("YXC")
    return readings or ["YX"]


def _explain(choice: str, shape: tuple[int, ...]) -> str:
    long = [size for size in shape if size > 1]
    if len(long) != len(choice):
        return choice
    nouns = [
        count(size, letter)
        for letter, size in zip(choice, long, strict=True)
        if letter not in "YX"
    ]
    return f"{choice} ({', '.join(nouns)})"


def _too_many(name: str, shape: tuple[int, ...]) -> SemisegError:
    return SemisegError(
        f"{name} has too many axes ({sizes(shape)}): frames with channels, or planes "
        "with channels, can be used. Split it, for example in Fiji with Image > "
        "Hyperstacks > Reduce Dimensionality, and add the parts."
    )
