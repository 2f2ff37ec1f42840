"""The sizes of regions that a run has learned and reached, as a file of its report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.learning.size_report import RegionSize, SizeReport

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder

__all__ = ["RegionSize", "SizeReport", "read_sizes", "write_sizes"]


def write_sizes(path: Path, sizes: SizeReport) -> None:
    """Write what is known of the sizes, in place of what was known before."""
    make_folder(path.parent)
    write_json(path, asdict(sizes))


def read_sizes(run: RunFolder) -> SizeReport | None:
    """What a run knows of sizes; None of a run whose method asks for none.

    Raises
    ------
    SemisegError
        When the file is damaged.
    """
    if not run.sizes.is_file():
        return None
    try:
        return _of_json(read_json(run.sizes))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SemisegError(
            f"{run.sizes} is damaged: remove it, and the sizes of this run are no "
            "longer shown."
        ) from error


def _of_json(content: dict[str, Any]) -> SizeReport:
    images = {
        image_id: tuple(RegionSize(**one) for one in sizes)
        for image_id, sizes in content["images"].items()
    }
    return SizeReport(
        classes=tuple(content["classes"]),
        labelled=tuple(tuple(sizes) for sizes in content["labelled"]),
        relative_error=tuple(content["relative_error"]),
        gamma=tuple(content["gamma"]),
        used=tuple(content["used"]),
        sentence=content["sentence"],
        origin=content["origin"],
        images=images,
    )
