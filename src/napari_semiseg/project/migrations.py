"""Versions of the project's JSON files, and the way from an old one to the present.

Every file carries ``schema_version``. An older file is changed in memory while it is
read, and on the disk by the next write; a newer one is refused, because writing it back
would lose what this version cannot read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Migration = Callable[[dict[str, Any]], dict[str, Any]]

Record = TypeVar("Record", bound=BaseModel)

PROJECT_VERSION = 2
TILES_VERSION = 2
CORRECTIONS_VERSION = 2

# From the version of the key to the next one; the version number is set by `migrate`.
PROJECT_MIGRATIONS: dict[int, Migration] = {
    # 2: images are used at a scale of their own, and name the file's shape as such. An
    # older version would take working pixels for those of the file.
    1: lambda raw: raw | {"images": _with_full_names(raw.get("images", []))},
}
TILES_MIGRATIONS: dict[int, Migration] = {
    # 2: tiles name the objects that were accepted; none where they do not.
    1: lambda raw: raw,
}
CORRECTIONS_MIGRATIONS: dict[int, Migration] = {
    # 2: blocks have planes for classes and trust, which are unset where they lack. An
    # older version would write blocks back without them: hence a number of its own.
    1: lambda raw: raw,
}


def read_record(
    path: Path,
    kind: type[Record],
    version: int,
    migrations: Mapping[int, Migration],
) -> Record:
    """Read one of the project's JSON files, in whichever version it was written.

    Raises
    ------
    SemisegError
        When the file is newer than this version reads, too old, or damaged.
    """
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise SemisegError(f"{path} is damaged: it should hold a JSON object.")
    try:
        return kind.model_validate(migrate(raw, path, version, migrations))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise SemisegError(
            f"{path} is damaged at {place}: {first['msg']}. "
            "Restore it from a copy of the project."
        ) from error


def migrate(
    raw: dict[str, Any],
    path: Path,
    version: int,
    migrations: Mapping[int, Migration],
) -> dict[str, Any]:
    """Bring the content of a file to ``version``, step by step; ``path`` names it.

    Raises
    ------
    SemisegError
        When the content is newer than ``version``, or no step leads on from it.
    """
    found = raw.get("schema_version")
    if not isinstance(found, int):
        raise SemisegError(f"{path} is damaged: it names no schema_version.")
    if found > version:
        raise SemisegError(
            f"{path} was written by a newer napari-semiseg (format {found}; this one "
            f"reads up to {version}). Update with: pip install -U napari-semiseg"
        )
    while found < version:
        if found not in migrations:
            raise SemisegError(
                f"{path} has format {found}, which this napari-semiseg cannot read. "
                "Open it once with an older version."
            )
        found, raw = found + 1, migrations[found](dict(raw))
        raw["schema_version"] = found
    return raw


def _with_full_names(images: Any) -> Any:
    """Images of format 1; what is no image is left for the validation to name."""
    if not isinstance(images, list) or not all(isinstance(i, dict) for i in images):
        return images
    names = {"shape": "full_shape", "pixel_size": "full_pixel_size"}
    return [{names.get(k, k): value for k, value in i.items()} for i in images]
