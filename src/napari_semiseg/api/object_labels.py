"""Which class each object of a label image is of, from whatever says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.exchange.object_classes import (
    as_numbers,
    beside_mask,
    read_object_classes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

ObjectClasses: TypeAlias = str | Path | Mapping[int, int | str]
"""A table, a mask's JSON file, a label image of classes, or a class for each id."""

_TABLES = (".csv", ".json")
_SOME = 5  # Ids named in a sentence.


def classes_of_labels(
    labels: NDArray[np.int32],
    given: ObjectClasses | None,
    beside: Path | None,
    names: Sequence[str],
    class_values: str | None,
    frame: int | None,
) -> dict[int, int] | None:
    """The class, from 1, of each object that has one.

    Parameters
    ----------
    labels
        int32 ``(*S)``, the objects.
    given
        Where their classes are; None: in the files beside the label image, if there.
    beside
        The label image; None: it is no file.
    names
        Of the classes.
    class_values
        Which class a number of a label image of classes stands for; None: classes are
        numbered from 1.
    frame
        Of such an image, where it is a stack.

    Returns
    -------
    dict or None
        None where nothing says of which class they are.

    Raises
    ------
    SemisegError
        When what is given cannot be read, or names a class that there is not.
    """
    if given is None:
        found = None if beside is None else beside_mask(beside)
        return None if found is None else as_numbers(found, names)
    if isinstance(given, Mapping):
        return as_numbers({n: str(kind) for n, kind in given.items()}, names)
    path = Path(given).expanduser()
    if path.suffix.lower() in _TABLES:
        return as_numbers(read_object_classes(path), names)
    return _most_frequent(
        labels, _class_image(path, labels.shape, names, class_values, frame), path.name
    )


def not_first(classes: Mapping[int, int] | None) -> dict[int, int]:
    """Classes as annotations have them: those of class 1 are not named."""
    return {number: kind for number, kind in (classes or {}).items() if kind != 1}


def check_all_have_one(
    labels: NDArray[np.int32],
    boxes: Sequence[Box] | None,
    classes: Mapping[int, int],
) -> None:
    """Refuse objects in the tiles of which nobody said the class.

    Raises
    ------
    SemisegError
        Naming some of them.
    """
    parts = [labels] if boxes is None else [labels[box.slices] for box in boxes]
    present = np.unique(np.concatenate([np.unique(part) for part in parts]))
    missing = sorted(set(present[present > 0].tolist()) - classes.keys())
    if missing:
        more = ", ..." if len(missing) > _SOME else ""
        raise SemisegError(
            f"Nothing says of which class {len(missing)} object(s) are "
            f"({', '.join(map(str, missing[:_SOME]))}{more}): give each of them a "
            "class, or number them -1 so that they are ignored."
        )


def _class_image(
    path: Path,
    shape: tuple[int, ...],
    names: Sequence[str],
    class_values: str | None,
    frame: int | None,
) -> NDArray[np.int32]:
    """Classes from 1 of pixels, 0 of none."""
    found = read_labels(path, shape, frame)
    if class_values is None:
        strange = np.unique(found[found > len(names)]).tolist()
        if strange:
            raise SemisegError(
                f"{path.name} holds {strange[0]}, but there are only {len(names)} "
                f"classes ({', '.join(names)}): say what its numbers stand for "
                "(--class-values 0:background,...)."
            )
        return np.maximum(found, 0)
    from napari_semiseg.api.benchmarking.class_values import ClassValues

    values = ClassValues.parse(class_values)
    numbers = as_numbers(dict(enumerate(values.classes, start=1)), names)
    known = np.zeros(256, np.int32)
    for number, kind in numbers.items():
        known[number] = kind
    of_pixels: NDArray[np.int32] = known[values.classes_of(found)]
    return of_pixels


def _most_frequent(
    labels: NDArray[np.int32], kinds: NDArray[np.int32], name: str
) -> dict[int, int]:
    """Of each object the class that most of its pixels are of."""
    inside = (labels > 0) & (kinds > 0)
    if not inside.any():
        raise SemisegError(
            f"No object of the label image lies on a class of {name}: do they belong "
            "to the same image?"
        )
    ids, places = np.unique(labels[inside], return_inverse=True)
    counts = np.zeros((len(ids), int(kinds.max()) + 1), np.int64)
    np.add.at(counts, (places.ravel(), kinds[inside]), 1)
    return dict(zip(ids.tolist(), counts.argmax(1).tolist(), strict=True))
