"""Sizes of pixels, in micrometres wherever a file says them."""

from __future__ import annotations

import math
import re
from typing import Any

MICROMETRE = "\u00b5m"

_IN_MICROMETRES = {
    "\u00b5m": 1.0,  # the micro sign
    "\u03bcm": 1.0,  # the Greek letter, as some microscopes write it
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "å": 1e-4,
    "angstrom": 1e-4,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
}


def in_micrometres(length: Any, unit: str | None) -> float | None:
    r"""Convert a length; None where the unit is not one of length or makes no sense.

    Parameters
    ----------
    length
        A number, or its text.
    unit
        ``µm``, ``nm``, ``micrometer``, also as ImageJ escapes it (``\u00B5m``).
    """
    factor = _IN_MICROMETRES.get(_plain(unit))
    try:
        value = float(length) * (factor or math.nan)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _plain(unit: str | None) -> str:
    text = re.sub(
        r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), unit or ""
    )
    return text.strip().lower()
