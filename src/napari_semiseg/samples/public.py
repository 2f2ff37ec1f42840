"""A public set of real images, downloaded only when asked for."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import disk_errors, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC_URL = "https://github.com/stardist/stardist/releases/download/0.1.0/dsb2018.zip"
PUBLIC_SHA256 = "e44921950edce378063aa4457e625581ba35b4c2dbd9a07c19d48900129f386f"
PUBLIC_WORDS = (
    "fluorescence nuclei of the Data Science Bowl 2018 (Caicedo et al. 2019, "
    "https://doi.org/10.1038/s41592-019-0612-7), the selection of StarDist (Schmidt et "
    "al. 2018)"
)
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class PublicSet:
    """Images with their instance masks, on disk.

    Attributes
    ----------
    folder
        Where they lie.
    train, test
        Pairs of an image and its mask, sorted by name.
    """

    folder: Path
    train: tuple[tuple[Path, Path], ...]
    test: tuple[tuple[Path, Path], ...]


def fetch_public_set(
    folder: Path | str,
    progress: Callable[[int, int], object] | None = None,
    *,
    url: str = PUBLIC_URL,
    sha256: str = PUBLIC_SHA256,
) -> PublicSet:
    """Download the public set, or find it where an earlier call has put it.

    Parameters
    ----------
    folder
        Where to keep the archive and the unpacked images; made if need be.
    progress
        Called with the bytes that have arrived and the bytes in all (0: not known).
    url, sha256
        The archive, and the hash its content must have.

    Raises
    ------
    SemisegError
        When it cannot be downloaded, or is not the file it should be.
    DiskFullError, ReadOnlyError
        When it cannot be written.
    """
    folder = make_folder(Path(folder).absolute())
    unpacked = folder / f"dsb2018-{sha256[:8]}"
    if not unpacked.is_dir():
        with disk_errors(unpacked):
            _unpack(_download(folder, url, sha256, progress), unpacked)
    found = PublicSet(unpacked, _pairs(unpacked, "train"), _pairs(unpacked, "test"))
    if not found.train:
        raise SemisegError(
            f"The sample images in {unpacked} are not complete: delete this folder, "
            "then try again."
        )
    return found


class _Progress:
    """What pooch wants of a progress bar, told to a function."""

    def __init__(self, tell: Callable[[int, int], object]) -> None:
        self.total = 0
        self._tell = tell
        self._arrived = 0

    def update(self, n_bytes: int) -> None:
        """Count bytes that have arrived; pooch counts the last piece as a whole one."""
        self._arrived += n_bytes
        if self.total:
            self._arrived = min(self._arrived, self.total)
        self._tell(self._arrived, self.total)

    def reset(self) -> None:
        """Start again; pooch does so to announce the end."""
        self._arrived = 0

    def close(self) -> None:
        """Nothing is left to close."""


def _download(
    folder: Path,
    url: str,
    sha256: str,
    progress: Callable[[int, int], object] | None,
) -> Path:
    import pooch

    bar = _Progress(progress) if progress else False
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES)
    try:
        # pooch keeps a file only when its hash is right.
        name = pooch.retrieve(
            url,
            f"sha256:{sha256}",
            fname="dsb2018.zip",
            path=folder,
            downloader=downloader,
        )
    except ValueError as error:
        raise SemisegError(
            f"What {url} sent is not the file it should be. Try again later, or in "
            "another network; nothing was kept."
        ) from error
    except OSError as error:
        if error.errno is not None:  # The disk, not the network.
            raise
        raise SemisegError(
            f"The sample images could not be downloaded from {url}. Check the internet "
            "connection, or use the synthetic sample images, which need none."
        ) from error
    return Path(name)


def _unpack(archive: Path, target: Path) -> None:
    """Unpack beside the target and rename: a half unpacked set is never found."""
    part = Path(tempfile.mkdtemp(dir=target.parent, prefix=".unpacking-"))
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(part)
        part.chmod(0o755)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _pairs(folder: Path, part: str) -> tuple[tuple[Path, Path], ...]:
    images = sorted(folder.glob(f"*/{part}/images/*.tif"))
    pairs = ((image, image.parent.parent / "masks" / image.name) for image in images)
    return tuple(pair for pair in pairs if pair[1].is_file())
