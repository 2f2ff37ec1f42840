"""A process that opens napari on a project and paints strokes until it is killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# torch is not needed here, and triton beside Mesa's OpenGL ends the process.
sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
sys.path.insert(0, str(Path(__file__).parent))


def main(folder: str, log: str) -> None:
    import napari
    from bench import make_bench
    from qtpy.QtCore import QTimer

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project

    viewer = napari.Viewer(show=False)
    desk = make_bench(viewer)
    desk.session.open(Project.open(folder))
    item = desk.session.opened.images[0]
    desk.images.show(item)
    box = Box((0, 0), (128, 128))
    desk.tiles.add(item, [box])
    desk.session.take(box)
    layer = desk.annotating.annotation.layer
    assert layer is not None
    number = 0

    def paint() -> None:
        nonlocal number
        number += 1
        layer.paint((10 + 9 * (number // 12), 5 + 10 * (number % 12)), number)
        with Path(log).open("a") as lines:
            lines.write(f"{number} {time.time()}\n")

    timer = QTimer()
    timer.timeout.connect(paint)
    timer.start(250)
    napari.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
