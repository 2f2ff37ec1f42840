"""What the program offers to do, in a line of the panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, eq=False)
class Offer:
    """Something the program can do about what it found, if the user wants it."""

    text: str
    button: str
    accept: Callable[[], object]
