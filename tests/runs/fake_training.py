"""A training without a network: its weights are sums of random draws."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json, write_json
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.trainable import Outcome
from napari_semiseg.runs.training_process import TrainingRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class FakeReport:
    step: int
    n_steps: int
    losses: dict[str, float]
    stage: str = "supervised"
    coverage: float | None = 0.5
    scores: dict[str, float] | None = None
    seconds: float = 0.01
    forwards: int = 1
    samples: int = 4
    message: str | None = None
    preparing: str | None = None
    reliability: tuple[object, ...] = ()
    sizes: object | None = None


@dataclass(frozen=True)
class FakePreview:
    probability: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    selected: np.ndarray
    kind: np.ndarray | None = None
    thresholds: tuple[float, float] | None = None


@dataclass
class FakeTraining:
    """``before_step`` is called with the number of the coming step; it may raise."""

    total_steps: int = 5
    step: int = 0
    seed: int = 0
    batch: int = 8
    before_step: Callable[[int], None] = lambda step: None
    loss: Callable[[int], float] = lambda step: 1 / step
    weights: np.ndarray = field(default_factory=lambda: np.zeros(3))
    stage_words: dict[str, str] = field(
        default_factory=lambda: {"supervised": "Learning from your labels"}
    )

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def __iter__(self) -> Iterator[FakeReport]:
        while self.step < self.total_steps:
            self.before_step(self.step + 1)
            self.weights = self.weights + self.rng.normal(size=3)
            self.step += 1
            yield FakeReport(
                self.step, self.total_steps, {"total": self.loss(self.step)}
            )

    def save_checkpoint(self, path: Path) -> None:
        content = {
            "step": self.step,
            "total_steps": self.total_steps,
            "rng": self.rng.bit_generator.state,
            "weights": self.weights.tolist(),
        }
        write_json(path, content)

    @classmethod
    def resume(cls, path: Path, **fields: Any) -> FakeTraining:
        content = read_json(path)
        training = cls(content["total_steps"], content["step"], **fields)
        training.rng.bit_generator.state = content["rng"]
        training.weights = np.array(content["weights"])
        return training

    def halve_batch(self) -> str | None:
        if self.batch <= 2:
            return None
        self.batch //= 2
        return f"The GPU was out of memory: the batch is {self.batch} tiles from here."

    def preview(self, source: ArraySource, box: Box, image_id: str = "") -> FakePreview:
        image = source.read(box)
        label = (image[0] > 0.5).astype(np.uint8)
        return FakePreview(np.repeat(image, 3, 0), label, image[0], label > 0)


def source_of(image_id: str) -> ArraySource:
    if image_id != "cells":
        raise SemisegError(f"There is no image {image_id}.")
    ramp = np.linspace(0, 1, 20 * 30, dtype=np.float32)
    return ArraySource(ramp.reshape(1, 20, 30))


def finish(
    ending: str, should_stop: Callable[[], bool], write: Callable[..., Any]
) -> Outcome | None:
    return Outcome(True, "There was no model before.", "1 training tile", {"ap": 0.5})


def training_run(run: RunFolder, training: FakeTraining, **options: Any) -> TrainingRun:
    return TrainingRun(
        run, training, **{"source_of": source_of, "finish": finish, **options}
    )


def out_of_memory() -> Exception:
    kind = type("OutOfMemoryError", (RuntimeError,), {})
    return kind("CUDA out of memory. Tried to allocate 2.00 GiB")


def main(arguments: list[str]) -> None:
    """A child as the supervisor starts it: train PROJECT --run ID | --resume ID."""
    project, options = Path(arguments[1]), arguments[2:]
    resumed = "--resume" in options
    name = options[options.index("--resume" if resumed else "--run") + 1]
    run = RunFolder(project / "runs" / name)
    pace = float(os.environ.get("FAKE_SECONDS", "0.005"))
    if "--deaf" in options:
        ignore_everything(run)

    def before_step(step: int) -> None:
        time.sleep(pace)

    training = (
        FakeTraining.resume(run.checkpoint, before_step=before_step)
        if resumed
        else FakeTraining(int(os.environ["FAKE_STEPS"]), before_step=before_step)
    )
    with run.lock():
        training_run(run, training, resumed=resumed, checkpoint_seconds=0.05).train()
    write_json(run.report / "weights.json", training.weights.tolist())


def ignore_everything(run: RunFolder) -> None:
    """Neither reads requests nor ends when told to."""
    import signal

    from napari_semiseg.runs.liveness import this_process

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    run.update(state="training", process=this_process())
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1:])
