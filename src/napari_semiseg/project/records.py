"""What the project's JSON files hold, as frozen values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.migrations import PROJECT_VERSION, TILES_VERSION
from napari_semiseg.project.reduction import reduced_pixel_size, reduced_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

Task = Literal["instances", "semantic"]
Role = Literal["pool", "test"]
TileState = Literal["to do", "training", "validation"]


class FrozenRecord(BaseModel):
    """A value that is read from JSON, compared and replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileStamp(FrozenRecord):
    """Size (bytes), time of change (ns) and inode: an unchanged file needs no new hash.

    The inode tells files apart that were unpacked together: same size, same second.
    """

    size: int
    changed: int
    inode: int


class ImageItem(FrozenRecord):
    """One image, or one frame of a stack: the unit that is labelled and predicted.

    Attributes
    ----------
    id
        Stem of the file and start of the content hash; names folders of the project.
    path
        Posix path, relative to the project folder where the image lies near it.
    seen_at
        Absolute path where the image was last found: tried when ``path`` leads nowhere
        because the project folder alone was moved.
    frame, n_frames
        Which frame of how many in the file.
    axes, channels
        As the file was read, so that it is read the same way again; ``channels`` None
        for all.
    full_shape, dtype, n_channels
        Spatial shape in the file, type of the raw pixels, number of channels.
    reduction
        How many pixels of the file, along Y and X, make one working pixel. Everything
        else in the project is in working pixels, as `shape` and `pixel_size` are; the
        hash is of the file's pixels, whatever the scale.
    content_hash
        Of shape, type and pixels of this frame (`napari_semiseg.project.identity`).
    full_pixel_size, pixel_unit
        Size of a pixel of the file along each spatial axis; None when unknown.
    low, high
        Percentiles 1 and 99.8 of each channel, the normalisation of this image.
    role
        ``test`` images never train, not even as unlabelled ones.
    stamp
        Of the file when its hash was taken; None for a folder such as OME-Zarr.
    words
        The image in words, as the user confirmed it.
    """

    id: str
    path: str
    seen_at: str = ""
    frame: int = 0
    n_frames: int = 1
    axes: str
    channels: tuple[int, ...] | None = None
    full_shape: tuple[int, ...]
    reduction: int = 1
    dtype: str
    n_channels: int
    content_hash: str
    full_pixel_size: tuple[float, ...] | None = None
    pixel_unit: str = "pixel"
    low: tuple[float, ...]
    high: tuple[float, ...]
    role: Role = "pool"
    stamp: FileStamp | None = None
    words: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape in working pixels."""
        return reduced_shape(self.full_shape, self.reduction)

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Size of a working pixel along each spatial axis; None when unknown."""
        size = self.full_pixel_size
        return size and reduced_pixel_size(size, self.reduction)

    @property
    def name(self) -> str:
        """File name, with the frame where there are several."""
        file = self.path.rsplit("/", 1)[-1]
        return file if self.n_frames == 1 else f"{file} (frame {self.frame})"


class TileRecord(FrozenRecord):
    """A box of an image that is, or is to be, annotated.

    ``classes`` names the class of each object that is not of class 1. ``accepted`` are
    the objects that a model drew and a person accepted, and nobody changed since. A
    tile in state ``to do`` never trains.
    """

    box: Box
    state: TileState = "to do"
    classes: dict[int, int] = Field(default_factory=dict)
    accepted: tuple[int, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every pixel is annotated, but for those to ignore."""
        return self.state != "to do"


class TileList(FrozenRecord):
    """All tiles of one image, with the identity of the pixels they were drawn on."""

    schema_version: int = TILES_VERSION
    image_id: str
    content_hash: str
    shape: tuple[int, ...]
    tiles: tuple[TileRecord, ...] = ()


class ProjectFile(FrozenRecord):
    """``project.json``. ``classes`` are without the background, class 0."""

    schema_version: int = PROJECT_VERSION
    task: Task
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    images: tuple[ImageItem, ...] = ()
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    created: str


def class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Distinct names of classes, without the background.

    Raises
    ------
    SemisegError
        When a name is empty, twice there, or that of the background.
    """
    names = tuple(name.strip() for name in classes)
    if not all(names) or len(set(names)) != len(names) or not names:
        raise SemisegError(
            "Give each class a name of its own, such as: nucleus,debris."
        )
    if "background" in names:
        raise SemisegError("background is always class 0: name the other classes.")
    return names


def item_id(stem: str, content_hash: str, frame: int, n_frames: int) -> str:
    """Readable, unique and safe as a folder name, e.g. ``cells-1f3a9c20-t003``."""
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40] or "image"
    suffix = "" if n_frames == 1 else f"-t{frame:03d}"
    return f"{slug}-{content_hash[:8]}{suffix}"
