"""Where images lie: paths that survive a move, files in folders, names people type."""

from __future__ import annotations

import difflib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange import images as exchange
from napari_semiseg.project.records import FileStamp, ImageItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST_STEPS_UP = 3  # Further away, two folders are no longer moved together.


def absolute(path: str | Path) -> Path:
    """Absolute path without links in its folders; a link to a file stays one."""
    full = Path(os.path.abspath(Path(path).expanduser()))
    return full.parent.resolve() / full.name


def recorded_path(path: Path, folder: Path) -> str:
    """Posix path to store: relative to ``folder`` where the two lie near each other."""
    try:
        relative = Path(os.path.relpath(path, folder))
    except ValueError:  # Another drive of Windows.
        return path.as_posix()
    ups = relative.parts.count(os.pardir)
    meets_at_root = ups >= len(folder.parts) - 1
    if ups > _MOST_STEPS_UP or (ups and meets_at_root):
        return path.as_posix()
    return relative.as_posix()


def possible_places(item: ImageItem, folder: Path) -> Iterator[Path]:
    """Existing files that may be the image, the likeliest first."""
    recorded = absolute(folder / item.path)
    if recorded.exists():
        yield recorded
    seen = Path(item.seen_at)
    if item.seen_at and seen != recorded and seen.exists():
        yield seen


def stamp_of(path: Path) -> FileStamp | None:
    """The stamp of a file; None for a folder, whose files hold the pixels."""
    if path.is_dir():
        return None
    status = path.stat()
    return FileStamp(
        size=status.st_size, changed=status.st_mtime_ns, inode=status.st_ino
    )


def moved(item: ImageItem, path: Path | None, folder: Path) -> ImageItem:
    """The image where it is now; as it was where ``path`` is None."""
    if path is None:
        return item
    place = {
        "path": recorded_path(path, folder),
        "seen_at": path.as_posix(),
        "stamp": stamp_of(path),
    }
    return item.model_copy(update=place)


def is_image(path: Path) -> bool:
    """Whether this is an image that can be read, by its name, and not a hidden one."""
    return not path.name.startswith(".") and exchange.is_image(path)


def expand(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Files to add: each file as it is, each folder as the images directly in it."""
    for path in map(absolute, paths):
        if path.is_dir() and not is_image(path):
            yield from sorted(filter(is_image, path.iterdir())) or [path]
        else:
            yield path


def images_below(folder: Path) -> Iterator[Path]:
    """All images in a folder and its subfolders; an OME-Zarr folder is one image."""
    for root, folders, files in os.walk(folder):
        stores = [name for name in folders if is_image(Path(root, name))]
        # Not into them: their chunks are no images.
        folders[:] = sorted(set(folders).difference(stores))
        paths = (Path(root, name) for name in sorted([*files, *stores]))
        yield from filter(is_image, paths)


def find_item(
    images: Sequence[ImageItem],
    wanted: str | Path,
    frame: int | None,
    folder: Path,
) -> ImageItem:
    """The image with this id, path, file name or stem, and frame.

    Raises
    ------
    SemisegError
        When none fits, naming near matches, or several do, saying how to choose.
    """
    text = Path(wanted).as_posix()
    named = _named(images, text, folder)
    if not named:
        raise SemisegError(_unknown_sentence(images, text))
    fitting = [item for item in named if frame in (None, item.frame)]
    if len(fitting) == 1:
        return fitting[0]
    if len({item.path for item in named}) == 1:
        frames = f"0 to {named[0].n_frames - 1}"
        raise SemisegError(
            f"{text} has {named[0].n_frames} frames: name one from {frames}."
            if frame is None
            else f"{text} has no frame {frame}: its frames are {frames}."
        )
    several = ", ".join(sorted({item.path for item in named}))
    raise SemisegError(
        f"Several images are called {text}: give the path, one of {several}."
    )


def _named(images: Sequence[ImageItem], text: str, folder: Path) -> list[ImageItem]:
    full = absolute(text)

    def lies_there(item: ImageItem) -> bool:
        # Names first: looking at the disk for thousands of images takes its time.
        if full.name not in (PurePosixPath(item.path).name, Path(item.seen_at).name):
            return False
        return full in (absolute(folder / item.path), Path(item.seen_at))

    ways = (
        lambda item: item.id == text,
        lambda item: item.path == text,
        lies_there,
        lambda item: PurePosixPath(item.path).name == text,
        lambda item: PurePosixPath(item.path).stem == text,
    )
    found = ([item for item in images if way(item)] for way in ways)
    return next((items for items in found if items), [])


def _unknown_sentence(images: Sequence[ImageItem], text: str) -> str:
    if not images:
        return f"{text} is not in this project, which has no image yet: add it first."
    names = sorted({PurePosixPath(item.path).name for item in images})
    name = PurePosixPath(text).name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:3]
    return f"{text} is not in this project. Did you mean {' or '.join(near)}?"
