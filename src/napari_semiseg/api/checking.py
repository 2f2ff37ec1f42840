"""Look at this computer: what was found, and what to mend."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

Verdict = Literal["ok", "note", "broken"]
_LIBRARIES = (
    "napari-semiseg",
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "numpy",
    "scikit-image",
    "napari",
)
_GIB = 2**30
_LITTLE_ROOM = 2 * _GIB  # A project with some runs easily fills it.


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; ``remedy`` where there is something to mend."""

    name: str
    verdict: Verdict
    words: str
    remedy: str = ""


def check_computer(folder: Path | None = None) -> tuple[Check, ...]:
    """Versions, devices, encoder weights, display and free space.

    Parameters
    ----------
    folder
        Where projects are to lie; None: the current folder.
    """
    (folder or Path.cwd(), Path(tempfile.gettempdir()))
    return (
        *_versions(),
        *_devices(),
        *_weights(),
        _display(),
        *(
            _room(place)
            for place in (folder or Path.cwd(), Path(tempfile.gettempdir()))
        ),
    )


def has_display() -> bool:
    """Whether a window can be opened, as far as the environment tells."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _versions() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for name in _LIBRARIES:
        try:
            yield Check(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            if name == "napari":
                remedy = 'For the viewer: pip install "napari-semiseg[all]"'
                yield Check(name, "note", "not installed", remedy)
            elif name == "napari-semiseg":
                yield Check(name, "note", "runs from a folder, not installed")
            else:
                remedy = f"Install it: pip install {name}"
                yield Check(name, "broken", "not installed", remedy)


def _devices() -> Iterator[Check]:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from napari_semiseg.learning.devices import choose_device, list_devices

        devices = list_devices()
        chosen = choose_device("auto")
    # A broken driver or installation raises errors of any kind.
    except Exception as error:
        remedy = "Install the torch and torchvision that fit: https://pytorch.org"
        yield Check("devices", "broken", f"torch does not work: {error}", remedy)
        return
    for device in devices:
        yield Check(f"device {device.name}", "ok", device.words)
    on_gpu = chosen.type != "cpu"
    remedy = "" if on_gpu else "A GPU with its build of torch trains much faster"
    yield Check("auto takes", "ok" if on_gpu else "note", str(chosen), remedy)


def _weights() -> Iterator[Check]:
    if util.find_spec("torch") is None:
        return
    try:
        from napari_semiseg.learning.network_settings import CPU_ENCODER, GPU_ENCODER
        from napari_semiseg.learning.weights_download import cached_imagenet_file

        for encoder in (CPU_ENCODER, GPU_ENCODER):
            path = cached_imagenet_file(encoder)
            name = f"weights of {encoder}"
            if path is not None:
                yield Check(name, "ok", f"ImageNet, at {path}")
                continue
            remedy = (
                "They are downloaded when a run first needs them; without internet, "
                "name a file: --weights FILE"
            )
            yield Check(name, "note", "not downloaded yet", remedy)
    except Exception as error:
        remedy = "Install segmentation-models-pytorch and timm again"
        yield Check("encoder weights", "broken", str(error), remedy)


def _display() -> Check:
    if has_display():
        return Check("display", "ok", os.environ.get("DISPLAY", "there"))
    remedy = "Commands work without; napari needs one"
    return Check("display", "note", "none", remedy)


def _room(folder: Path) -> Check:
    name = f"folder {folder}"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".semiseg-") as inner:
            write_bytes(Path(inner) / "test", b"test")
    except (OSError, SemisegError):
        remedy = "Work in a folder of your own that has room"
        return Check(name, "note", "cannot be written to", remedy)
    free = shutil.disk_usage(folder).free
    words = f"can be written to, {free / _GIB:.1f} GiB free"
    if free < _LITTLE_ROOM:
        return Check(name, "note", words, "Free some space before you train")
    return Check(name, "ok", words)
