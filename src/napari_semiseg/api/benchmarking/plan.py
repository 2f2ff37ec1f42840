"""What a benchmark compares, on what, and with how much effort."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.benchmarking import effort
from napari_semiseg.api.benchmarking.amounts import Amount
from napari_semiseg.api.benchmarking.arms import check_arms
from napari_semiseg.api.benchmarking.cells import Cell, cells_of
from napari_semiseg.api.benchmarking.drawing import Question, tile_size_for
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_semiseg.api.benchmarking.arms import Arm
    from napari_semiseg.api.benchmarking.class_values import ClassValues
    from napari_semiseg.learning.settings import Settings

USUAL_STEPS = 600  # As the settings have it where nobody says anything else.


@dataclass(frozen=True)
class BenchmarkPlan:
    """What is compared, on what, and with how much effort.

    Attributes
    ----------
    images, truth, test_images, test_truth
        Files or folders; without test images some of ``images`` are held out.
    report
        Folder of results; a benchmark goes on with what it finds there.
    arms
        What is compared.
    labelled
        Numbers of labelled tiles, or ``all``.
    tile
        Side of a labelled tile, pixels.
    validation
        How many of the labelled tiles judge instead of training.
    test
        How many images are held out.
    seeds
        How often the tiles are drawn anew.
    steps, minutes
        Of each training: gradient steps of all its stages and networks together, or
        instead minutes.
    groups
        Table of what must stay together.
    class_values
        Of a truth of classes; None: objects.
    changes
        Of the settings, common to all arms, which win over them.
    device, threads
        Where and how to compute.
    keep_models
        Whether the models are kept beside their results.
    """

    images: Path
    truth: Path
    report: Path
    arms: Sequence[Arm]
    labelled: Sequence[str] = ("10",)
    tile: int = 128
    validation: Amount = field(default_factory=lambda: Amount(0.15, is_share=True))
    test: Amount = field(default_factory=lambda: Amount(0.2, is_share=True))
    seeds: int = 5
    steps: int | None = None
    minutes: float | None = None
    groups: Path | None = None
    class_values: ClassValues | None = None
    test_images: Path | None = None
    test_truth: Path | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    threads: int | None = None
    keep_models: bool = False

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes without the background; None: objects are scored."""
        return None if self.class_values is None else self.class_values.classes

    @property
    def question(self) -> Question:
        """What the tiles are labelled with."""
        return Question(self.tile, self.validation, self.classes)

    @property
    def cells(self) -> list[Cell]:
        """All trainings."""
        return cells_of(self.arms, self.labelled, range(self.seeds))

    def settings(self, arm: Arm, seed: int, n_unlabelled: int) -> Settings:
        """Those of an arm: the same effort, tile, seed and network for all.

        With few unlabelled images some stages of some methods are left out.
        """
        common: dict[str, Any] = {
            "seed": seed,
            "tile_size": tile_size_for(self.tile),
            **self.changes,
        }
        chosen = arm.settings(common)
        if self.minutes is not None:
            return chosen
        return effort.for_steps(chosen, self.steps or USUAL_STEPS, n_unlabelled)

    def check(self) -> None:
        """Refuse what could only fail later.

        Raises
        ------
        SemisegError
            With what to do about it.
        """
        if self.steps is not None and self.minutes is not None:
            raise SemisegError("Give either steps or minutes, not both.")
        if (self.test_images is None) != (self.test_truth is None):
            raise SemisegError("Test images and their truth must be given together.")
        check_arms(self.arms)
        for arm in self.arms:
            self.settings(arm, 0, 1)
