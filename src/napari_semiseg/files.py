"""The one place that replaces files: temporary name, flush, rename.

A reader never sees half a file (promise 2 of the architecture), and every failure
of the disk becomes a sentence.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import DiskFullError, ReadOnlyError, SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_NEEDED_BYTES = 1 << 20  # Less room than this explains a failure without errno.


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file completely, or not at all.

    Parameters
    ----------
    path
        The file to make or replace; its folder must exist.
    write
        Called with a temporary path in the same folder; writes the whole content.

    Raises
    ------
    DiskFullError, ReadOnlyError
        When the disk is full or the folder is read-only; the old file is untouched.
    """
    with disk_errors(path):
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:80]}.", suffix=path.suffix
        )
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            _rename(temporary, path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by ``content`` atomically."""
    replace_file(path, lambda temporary: _write_all(temporary, content))


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically; not-a-number is refused, being no JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    SemisegError
        When the file is not JSON, with its name.
    """
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise SemisegError(f"{path} is damaged: it is not valid JSON.") from error


def make_folder(path: Path) -> Path:
    """Make a folder with its parents, and return it."""
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn failures of the disk into sentences that name the remedy."""
    try:
        yield
    except Exception as error:
        if sentence := _explain(error, path):
            raise sentence from error
        raise


def _explain(error: Exception, path: Path) -> SemisegError | None:
    number = error.errno if isinstance(error, OSError) else None
    # safetensors raises its own error without errno; NumPy an OSError without one.
    unknown = number is None and (
        isinstance(error, OSError) or type(error).__name__ == "SafetensorError"
    )
    if number in _FULL or (unknown and _free_bytes(path) < _NEEDED_BYTES):
        return DiskFullError(
            f"The disk is full: {path.name} could not be written to {path.parent}. "
            "Free some space, then try again; nothing older was lost."
        )
    if number in _READ_ONLY:
        return ReadOnlyError(
            f"{path.parent} cannot be written to. Check its permissions, "
            "or copy the project to a folder of your own."
        )
    return None


def _free_bytes(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return 0


def _write_all(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


def _flush(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows cannot open a folder.
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(source: Path, target: Path, attempts: int = 5) -> None:
    """Rename over ``target``; on Windows a reader may hold it for a moment."""
    for attempt in range(attempts):
        try:
            source.replace(target)
        except PermissionError:
            if os.name != "nt" or attempt == attempts - 1:
                raise
            time.sleep(0.05 * 2**attempt)
        else:
            return


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
