"""What surrounds the training of a run: its claim, its failure, its threads."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.failures import explain
from napari_semiseg.runs.liveness import this_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_semiseg.runs.folder import RunFolder

_LIBRARIES = ("napari-semiseg", "torch", "segmentation-models-pytorch", "numpy")


@contextlib.contextmanager
def failure_noted(run: RunFolder) -> Iterator[None]:
    """Claim the run; note in its record why it could not begin."""
    asked = run.record().asked if run.record().state == "starting" else time.time()
    run.update(
        state="starting", process=this_process(), asked=asked, versions=_versions()
    )
    try:
        yield
    except Exception as error:
        failure = explain(error, run)
        with contextlib.suppress(SemisegError, OSError):
            run.update(
                state="failed",
                failure=failure.sentence,
                failure_kind=failure.kind,
                ended=datetime.now(UTC).isoformat(),
            )
        raise


@contextlib.contextmanager
def calm_threads(run: RunFolder, threads: int | None) -> Iterator[None]:
    """Set and store the number of threads: other numbers give other bits."""
    # Threads that spin while they wait cost ten times the time; they can be told not to
    # only before torch loads. In a notebook it may be too late: then one must do.
    spinning = "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from napari_semiseg.learning.devices import cpu_threads

    before = torch.get_num_threads()
    usual = 1 if spinning else cpu_threads()
    chosen = threads or run.record().threads or usual
    run.update(threads=chosen)
    torch.set_num_threads(chosen)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _versions() -> dict[str, str]:
    found: dict[str, Any] = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
