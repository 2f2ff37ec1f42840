"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 tile``, ``3 tiles``, ``no tile``, ``2 classes``."""
    if number == 0:
        return f"no {noun}"
    ending = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else ending}"
