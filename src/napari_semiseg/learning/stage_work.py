"""A stage's work besides its steps: what it prepares, and what it measures at the end.

It is done in parts, each with a sentence, so that watchers are answered meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.learning.stage import Ranking, Sizing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.report import ImageReliability
    from napari_semiseg.learning.size_report import SizeReport
    from napari_semiseg.learning.stage import Stage
    from napari_semiseg.learning.stages import StageSequence


@dataclass(frozen=True)
class Part:
    """A part of such work; all but ``message``, for the user, as in `Report`."""

    sentence: str
    seconds: float = 0.0
    message: str | None = None
    reliability: tuple[ImageReliability, ...] = ()
    sizes: SizeReport | None = None


class Preparation:
    """Prepares one stage after the other.

    A preparation that is broken off begins anew, with the random numbers it had at
    first.
    """

    def __init__(self, random: Randomness) -> None:
        self._random = random
        self._at_first: dict[str, Any] | None = None

    def random_state(self) -> dict[str, Any]:
        """For a checkpoint: the random numbers with which the run goes on."""
        return self._at_first or self._random.state()

    def parts(self, stages: StageSequence) -> Iterator[Part]:
        """Prepare the stage under way."""
        if self._at_first is not None:  # An earlier preparation was broken off.
            self._random.load_state(self._at_first)
        self._at_first = self._random.state()
        sentences = stages.prepare()
        while True:
            started = time.perf_counter()
            with self._random.own_global():
                sentence = next(sentences, None)
            if sentence is None:
                break
            yield Part(sentence, time.perf_counter() - started)
        self._at_first = None
        yield from _found(stages.current)


def _found(stage: Stage) -> Iterator[Part]:
    """What the preparation of a stage has brought to light."""
    if isinstance(stage, Ranking) and (found := stage.reliability):
        said = f"{len(found)} unlabelled images are ranked by their reliability."
        yield Part(said, reliability=found)
    if isinstance(stage, Sizing) and (sizes := stage.sizes):
        said = "The sizes of regions are known."
        yield Part(said, message=sizes.sentence, sizes=sizes)


def conclusion(stage: Stage) -> Iterator[Part]:
    """What the last stage measures after its last step."""
    if not isinstance(stage, Sizing):
        return
    for sentence in stage.conclude():
        yield Part(sentence)
    if sizes := stage.sizes:
        yield Part("The sizes of regions are measured.", sizes=sizes)
