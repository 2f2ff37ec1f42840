"""Images with their truth: pairs of files, read once, each frame an example."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.api.evaluating import matched_by_stem
from napari_semiseg.api.subjects import file_stem
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.exchange.labels import IGNORED, read_labels
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.project.identity import fingerprint
from napari_semiseg.project.sources import NormalisedSource
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.benchmarking.class_values import ClassValues
    from napari_semiseg.geometry import ImageSource

_MOST_BYTES = (
    2 << 30
)  # Of images that are kept in memory; more are read piece by piece.


@dataclass(frozen=True, eq=False)
class Example:
    """One image, or one frame of a stack, with its truth.

    Attributes
    ----------
    name
        Stem of the file, with ``#frame`` where it has several.
    source
        The normalised image.
    truth
        int32 ``(*S)``: ids of objects, or with classes their numbers; 0 background, -1
        ignore.
    content_hash
        Of the pixels: equal images are equal here, whatever they are called.
    group
        Examples of one group stay on one side of every split.
    """

    name: str
    source: ImageSource
    truth: NDArray[np.int32]
    content_hash: str
    group: str


@dataclass(frozen=True, eq=False)
class ExampleSet:
    """Examples, and what the user should know of them."""

    examples: tuple[Example, ...]
    messages: tuple[str, ...] = ()

    @property
    def n_channels(self) -> int:
        """Of every image."""
        return self.examples[0].source.n_channels


@dataclass(eq=False)
class _Counted:
    """What was seen while the truth was read."""

    unnamed: list[float] = field(default_factory=list)


def read_examples(
    images: str | Path,
    truth: str | Path,
    class_values: ClassValues | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ExampleSet:
    """Pair images with their truth by stem, and read them.

    Parameters
    ----------
    images, truth
        Two files or two folders. The truth holds objects' numbers, or grey values that
        ``class_values`` names.
    progress
        Called with pairs read, and pairs in all.

    Raises
    ------
    SemisegError
        When nothing matches, sizes or channels differ, or an image is a volume.
    """
    pairs, alone, lonely = matched_by_stem(Path(images), Path(truth))
    counted = _Counted()
    found: list[Example] = []
    room = _MOST_BYTES
    for number, (image, mask) in enumerate(pairs.values()):
        for example in _of_file(image, mask, class_values, counted):
            n_bytes = 4 * example.source.n_channels * int(np.prod(example.truth.shape))
            room -= n_bytes
            found.append(_kept(example) if room > 0 else example)
        if progress:
            progress(number + 1, len(pairs))
    _check_channels(found)
    messages = [*_about_partners(alone, lonely), *_about_values(counted)]
    return ExampleSet(tuple(found), tuple(messages))


def _of_file(
    image: Path, mask: Path, class_values: ClassValues | None, counted: _Counted
) -> list[Example]:
    description = describe(image)
    if len(description.shape) != 2:
        raise SemisegError(
            f"{image.name} is a volume; a benchmark takes single planes: save its "
            "planes as frames of a stack."
        )
    examples = []
    for frame in range(description.n_frames):
        pixels = open_frame(description, frame)
        known = fingerprint(pixels)
        several = description.n_frames > 1
        labels = read_labels(mask, description.shape, frame if several else None)
        if class_values is not None:
            counted.unnamed.append(class_values.share_unnamed(labels))
            labels = _class_numbers(class_values, labels)
        stem = file_stem(image)
        examples.append(
            Example(
                f"{stem}#{frame}" if several else stem,
                NormalisedSource(pixels, known.low, known.high),
                labels,
                known.content_hash,
                group=stem,
            )
        )
    return examples


def _class_numbers(
    class_values: ClassValues, mask: NDArray[np.int32]
) -> NDArray[np.int32]:
    classes = class_values.classes_of(mask).astype(np.int32)
    return np.where(classes == IGNORE, np.int32(IGNORED), classes)


def _kept(example: Example) -> Example:
    source = example.source
    pixels = source.read(Box.whole(source.shape))
    return replace(example, source=ArraySource(pixels))


def _check_channels(examples: Sequence[Example]) -> None:
    first = examples[0]
    for example in examples:
        if example.source.n_channels != first.source.n_channels:
            raise SemisegError(
                f"{first.name} has {first.source.n_channels} channel(s) and "
                f"{example.name} has {example.source.n_channels}: all images of a "
                "benchmark must have the same channels."
            )


def _about_partners(alone: Sequence[str], lonely: Sequence[str]) -> list[str]:
    said = []
    if alone:
        said.append(f"{len(alone)} image(s) have no truth and are left out.")
    if lonely:
        said.append(f"{len(lonely)} file(s) of truth have no image.")
    return said


def _about_values(counted: _Counted) -> list[str]:
    share = float(np.mean(counted.unnamed)) if counted.unnamed else 0.0
    if not share:
        return []
    return [
        f"{share:.2%} of the pixels of the truth have a grey value that was not named; "
        "each counts as the nearest one that was."
    ]
