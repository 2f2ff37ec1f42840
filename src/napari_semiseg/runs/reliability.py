"""How reliable a run found the pseudo-labels of each image, as a table on disk."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.trainable import Reliability

_COLUMNS = ("image_id", "score", "confidence", "round")


def write_reliability(path: Path, images: Sequence[Reliability]) -> None:
    """Write a row an image, the most reliable first; without a score: no object."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in images:
        score = "" if one.score is None else f"{one.score:.6f}"
        writer.writerow([one.image_id, score, f"{one.confidence:.6f}", one.round])
    make_folder(path.parent)
    write_bytes(path, text.getvalue().encode())


def read_reliability(run: RunFolder) -> dict[str, float]:
    """Score of each image that the run could rank; none of a run that ranks nothing.

    Raises
    ------
    SemisegError
        When the table is damaged.
    """
    try:
        text = run.reliability.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        rows = csv.DictReader(io.StringIO(text))
        return {row["image_id"]: float(row["score"]) for row in rows if row["score"]}
    except (KeyError, TypeError, ValueError) as error:
        raise SemisegError(
            f"{run.reliability} is damaged: remove it, and images are ranked by the "
            "model's confidence alone."
        ) from error
