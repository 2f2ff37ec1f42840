"""Numbers of tiles and images as people give them: ``15%``, ``3``, ``all``."""

from __future__ import annotations

from dataclasses import dataclass

from napari_semiseg.errors import SemisegError

ALL = "all"


@dataclass(frozen=True)
class Amount:
    """So many, or such a share of all."""

    value: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read ``15%`` or ``3``.

        Raises
        ------
        SemisegError
            When it is neither.
        """
        plain = text.strip()
        is_share = plain.endswith("%")
        try:
            value = float(plain[:-1]) / 100 if is_share else float(int(plain))
        except ValueError:
            value = -1.0
        if value < 0 or (is_share and value >= 1):
            raise SemisegError(
                f"{text!r} is no amount: give a share such as 15%, or a number."
            )
        return cls(value, is_share)

    def of(self, n: int) -> int:
        """How many that is of ``n``, rounded; one is always left."""
        wanted = round(self.value * n) if self.is_share else int(self.value)
        return max(0, min(wanted, n - 1))

    def __str__(self) -> str:
        return f"{100 * self.value:g}%" if self.is_share else f"{int(self.value)}"


def parse_labelled(text: str) -> tuple[str, ...]:
    """Read ``5,10,all``: numbers of labelled tiles, rising, ``all`` last.

    Raises
    ------
    SemisegError
        When a part is neither a number above 0 nor ``all``.
    """
    parts = [part.strip().lower() for part in text.split(",")]
    for part in parts:
        if part != ALL and (not part.isdecimal() or int(part) < 1):
            raise SemisegError(
                f"{part!r} is no number of labelled tiles: give numbers from 1, "
                "or all, such as 5,10,all."
            )
    numbers = sorted({int(part) for part in parts if part != ALL})
    return (*map(str, numbers), *([ALL] if ALL in parts else []))
