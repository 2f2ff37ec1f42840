"""How long the dock takes to open, each time in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

_START = """
import os, sys, time
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
QApplication.processEvents()
open_, used = time.perf_counter(), time.process_time()
name = "Semi-supervised segmentation"
viewer.window.add_plugin_dock_widget("napari-semiseg", name)
QApplication.processEvents()
print(time.perf_counter() - open_, time.process_time() - used, flush=True)
os._exit(0)
"""
_COMMAND = """
import os, sys, time
began = time.perf_counter()
import napari
from qtpy.QtWidgets import QApplication
def shown(*args, **kwargs):
    QApplication.processEvents()
    print(time.perf_counter() - began, flush=True)
    os._exit(0)
napari.run = shown
from napari.__main__ import main
sys.argv[:] = ["napari", *sys.argv[1:]]
main()
"""


def start_times(repeats: int) -> str:
    """How long the dock takes after napari, and `napari -w napari-semiseg` in all."""
    docks = [_run(_START) for _ in range(repeats)]
    with_dock = [_run(_COMMAND, "-w", "napari-semiseg")[0] for _ in range(repeats)]
    alone = [_run(_COMMAND)[0] for _ in range(repeats)]
    took, used = np.median([d[0] for d in docks]), np.median([d[1] for d in docks])
    return (
        f"dock after napari's window: {took:.2f} s, {used:.2f} s of processor time\n"
        f"`napari -w napari-semiseg`: {np.median(with_dock):.1f} s; "
        f"`napari` alone: {np.median(alone):.1f} s\n"
    )


def _run(code: str, *arguments: str) -> list[float]:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]
