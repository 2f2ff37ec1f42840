"""A process that opens the dock and corrects what a teacher sees until it is killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# torch is not needed here, and triton beside Mesa's OpenGL ends the process.
sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "runs")]

SHAPE = (96, 112)
VALUES = {"instances": 0, "pseudo-labels": 2, "confidence mask": 2}
"""What is painted on each layer; 0: a number of its own."""


def place(number: int) -> tuple[int, int]:
    """Where a stroke goes: a grid over the whole image."""
    return 3 + 5 * (number // 18), 3 + 6 * (number % 18)


def main(folder: str, log: str) -> None:
    import napari
    from fake_server import COMMAND
    from qtpy.QtCore import QTimer

    from napari_semiseg.runs.serving import start_server
    from napari_semiseg.viewer import dock as dock_module
    from napari_semiseg.viewer.opening import add_dock
    from napari_semiseg.viewer.server import Server

    dock_module.Server = lambda desk: Server(
        desk, lambda project: start_server(project, command=COMMAND)
    )
    viewer = napari.Viewer(show=False)
    dock = add_dock(viewer)
    dock.open_project(folder)
    number = 0

    def paint() -> None:
        nonlocal number
        if not dock.desk.teacher.ready:
            return
        number += 1
        name = list(VALUES)[number % 3]
        layer = viewer.layers[name]
        layer.brush_size = 1
        # Downwards: the ids of the teacher's objects go upwards from the last one.
        layer.paint(place(number), VALUES[name] or 90_000 - number)
        with Path(log).open("a") as lines:
            lines.write(f"{number} {name} {time.time()}\n".replace("confidence ", ""))

    timer = QTimer()
    timer.timeout.connect(paint)
    timer.start(150)
    napari.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
