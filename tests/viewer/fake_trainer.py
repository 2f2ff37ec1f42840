"""A training process without a network that shows what it sees of a project's images.

Run as the child that `runs.supervisor.start` starts. Its teacher finds bright pixels,
more of them with each step.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))

import numpy as np
from fake_training import FakePreview, FakeTraining, finish, training_run

from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.runs.trainable import Outcome


@dataclass
class BrightTraining(FakeTraining):
    def preview(self, source: ImageSource, box: Box, image_id: str = "") -> FakePreview:
        inside = np.clip(source.read(box)[0], 0, 1) * min(1.0, 0.5 + self.step / 200)
        probability = np.stack([1 - inside, inside, np.zeros_like(inside)])
        label = (inside > 0.5).astype(np.uint8)
        confidence = probability.max(axis=0)
        return FakePreview(
            probability.astype(np.float32), label, confidence, confidence > 0.8
        )


def slow_finish(*arguments: Any) -> Outcome | None:
    """As `fake_training.finish`, which takes no time."""
    time.sleep(float(os.environ.get("FAKE_FINISH", "0")))
    return finish(*arguments)


def main(arguments: list[str]) -> None:
    project, options = Project.open(Path(arguments[1])), arguments[2:]
    resumed = "--resume" in options
    name = options[options.index("--resume" if resumed else "--run") + 1]
    run = RunFolder(project.folder / "runs" / name)
    pace = float(os.environ.get("FAKE_SECONDS", "0.01"))
    total = int(os.environ.get("FAKE_STEPS", "100000"))

    def before_step(step: int) -> None:
        time.sleep(pace)

    training = (
        BrightTraining.resume(run.checkpoint, before_step=before_step)
        if resumed
        else BrightTraining(total, before_step=before_step)
    )
    with run.lock():
        training_run(
            run,
            training,
            resumed=resumed,
            checkpoint_seconds=0.05,
            finish=slow_finish,
            source_of=lambda image_id: project.source(project.image(image_id)),
        ).train()


if __name__ == "__main__":
    main(sys.argv[1:])
