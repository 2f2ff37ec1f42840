"""The public set: its download path, tested against a file of our own."""

from __future__ import annotations

import errno
import functools
import hashlib
import http.server
import io
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from napari_semiseg.errors import DiskFullError, SemisegError
from napari_semiseg.samples.public import (
    PUBLIC_SHA256,
    PUBLIC_URL,
    fetch_public_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = [
    "dsb2018/train/images/a.tif",
    "dsb2018/train/masks/a.tif",
    "dsb2018/train/images/b.tif",
    "dsb2018/train/masks/b.tif",
    "dsb2018/test/images/c.tif",
    "dsb2018/test/masks/c.tif",
    "dsb2018/test/images/no-mask.tif",
]


class QuietServer(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """Serve an archive on this machine; its address and hash."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in NAMES:
            archive.writestr(name, name * 20_000)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a.zip").write_bytes(content.getvalue())
    serve = functools.partial(QuietServer, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/a.zip"
        yield url, hashlib.sha256(content.getvalue()).hexdigest()
        server.shutdown()
        thread.join()


def test_download_with_progress_then_offline(
    tmp_path: Path, served: tuple[str, str]
) -> None:
    url, sha256 = served
    told: list[tuple[int, int]] = []

    first = fetch_public_set(
        tmp_path / "new" / "set",
        lambda done, total: told.append((done, total)),
        url=url,
        sha256=sha256,
    )

    size = (tmp_path / "served" / "a.zip").stat().st_size
    assert told[-1] == (size, size)
    assert len(told) > 3
    assert all(0 < done <= total for done, total in told)
    assert [image.name for image, _ in first.train] == ["a.tif", "b.tif"]
    assert [mask.parent.name for _, mask in first.test] == ["masks"]
    assert first.train[0][0].read_text().startswith(NAMES[0])
    # The second time nothing is asked of the network.
    again = fetch_public_set(
        tmp_path / "new" / "set", url="http://127.0.0.1:9/none", sha256=sha256
    )
    assert again == first


def test_another_file_than_promised_is_not_kept(
    tmp_path: Path, served: tuple[str, str]
) -> None:
    with pytest.raises(SemisegError, match="not the file it should be"):
        fetch_public_set(tmp_path / "set", url=served[0], sha256="0" * 64)
    assert not list((tmp_path / "set").iterdir())


@pytest.mark.parametrize("end", ["gone.zip", None])
def test_without_network_a_sentence_names_the_way_out(
    tmp_path: Path, served: tuple[str, str], end: str | None
) -> None:
    url = served[0].replace("a.zip", end) if end else "http://127.0.0.1:9/a.zip"

    with pytest.raises(SemisegError, match="synthetic sample images"):
        fetch_public_set(tmp_path / "set", url=url, sha256=served[1])


def test_full_disk_while_unpacking_leaves_no_half_set(
    tmp_path: Path, served: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extractall", full)
        with pytest.raises(DiskFullError):
            fetch_public_set(tmp_path / "set", url=served[0], sha256=served[1])
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["dsb2018.zip"]

    assert fetch_public_set(tmp_path / "set", url=served[0], sha256=served[1]).train


def test_the_real_address_is_pinned_by_a_hash() -> None:
    assert PUBLIC_URL.startswith("https://")
    assert len(bytes.fromhex(PUBLIC_SHA256)) == 32
