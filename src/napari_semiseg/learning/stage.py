"""A stage of a method: what the training loop asks of it; free of torch at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from torch import Tensor, nn

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.losses import Losses
    from napari_semiseg.learning.pseudo_labels import PseudoLabels
    from napari_semiseg.learning.report import ImageReliability
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.size_report import SizeReport

FROM_LABELS = "Learning from your labels"
FROM_UNLABELLED = "Learning from unlabelled images, too"
"""What is done in stages that several methods have."""


class Stage(Protocol):
    """A part of a run with one loss.

    Making a stage may draw random numbers: the run's own streams are as before
    afterwards. ``losses`` must work, at the usual cost, also before ``prepare`` (see
    `Preparing`) has run: that is how a stage's pace is measured.
    """

    name: str
    n_steps: int

    @property
    def optimizers(self) -> Sequence[torch.optim.Optimizer]:
        """All make a step after each backward pass of the one total loss.

        A group of parameters with an entry ``scale`` learns at that multiple of `rate`.
        """
        ...

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count."""
        ...

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """From which confidence of each class the loss trusts unlabelled pixels.

        None of a class: none of them; None: no unlabelled pixel is in the loss.
        """
        ...

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0 within the stage."""
        ...

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        ...

    def losses(self, step: int) -> Losses:
        """The losses of one batch; ``step`` counts from 0 within the stage."""
        ...

    def after_step(self, step: int) -> None:
        """What follows the optimisers' step."""
        ...

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimisers."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`; also instead of a preparation that was made."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A stage with long work before its first step: ranking images, fitting sizes."""

    def prepare(self) -> Iterator[str]:
        """Do a part of the work between two sentences that say how far it is.

        Watchers are answered, and a stop is obeyed, at each sentence: yield one at
        least every second or so. What was prepared belongs to the stage's ``state``;
        the run's network must be left alone. A preparation that is broken off begins
        anew, with a new stage and the random numbers it had at first.
        """
        ...


@runtime_checkable
class PseudoLabelling(Protocol):
    """A stage whose loss has hard pseudo-labels, which a watcher may look at."""

    @property
    def labelled_at_once(self) -> int:
        """Unlabelled tiles a step gives to `pseudo_labels`: bits may depend on it."""
        ...

    def class_probability(self, image: Tensor) -> Tensor:
        """float32 ``(B, K, *S)`` from which the pseudo-labels of weak views follow."""
        ...

    def pseudo_labels(self, image: Tensor) -> PseudoLabels:
        """Of weak views, float32 ``(B, C, *S)``."""
        ...

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """Mask of the pixels the loss learns, bool ``(B, *S)``.

        What a person says wins over confidence; their targets over ``label``, see
        `Said.label`.
        """
        ...


@runtime_checkable
class LabellingObjects(Protocol):
    """A stage whose pseudo-labels have classes of objects, too."""

    def all_probability(self, image: Tensor) -> Tensor:
        """`class_probability`, and behind it that of the objects' classes.

        float32 ``(B, K + N, *S)``, with N = 0 where there is one class alone.
        """
        ...


@runtime_checkable
class LabelledAhead(Protocol):
    """A stage whose pseudo-labels belong to images, not to the tiles drawn of them."""

    def labels_of(
        self, source: ImageSource, box: Box, image_id: str
    ) -> tuple[PseudoLabels, bool]:
        """Pseudo-labels of a box, and whether the loss uses this image's at all.

        A batch of one. Bit for bit the labels of which the step cuts its own.
        """
        ...

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """Mask of the pixels the loss learns in an image it uses, bool ``(B, *S)``."""
        ...


@runtime_checkable
class TakingWords(Protocol):
    """A stage without pseudo-labels that learns what is said of unlabelled tiles."""

    @property
    def takes_words(self) -> bool:
        """Whether a person's targets inside unlabelled images are in its loss now."""
        ...


@runtime_checkable
class Ranking(Protocol):
    """A stage whose preparation ranks the unlabelled images."""

    @property
    def reliability(self) -> tuple[ImageReliability, ...]:
        """The most reliable first; nothing where this stage ranked none."""
        ...


@runtime_checkable
class Sizing(Protocol):
    """A stage that knows how much of an image each class should cover."""

    @property
    def sizes(self) -> SizeReport | None:
        """What is known; None where this stage asks for no sizes."""
        ...

    def conclude(self) -> Iterator[str]:
        """After its last step measure what was reached, a part between two sentences.

        As in `Preparing`, watchers are answered at each sentence. Nothing is learned.
        """
        ...


@runtime_checkable
class Scored(Protocol):
    """A stage that goes by the scores on the validation tiles, as a learning rate."""

    def take_score(self, step: int, score: float) -> None:
        """Take the main score, after ``step``, counted from 0 within the stage."""
        ...


@dataclass(frozen=True)
class PlannedStage:
    """A stage that is still to be made.

    Attributes
    ----------
    name, n_steps, make
        Its name, its steps and its maker.
    begins
        ``continue``: from the best weights so far. ``latest``: from those it has,
        however well they did. ``fresh``: the network is made anew, from the encoder
        weights the run began with, other random ones.
    taught
        Whether the best network of the stage before is kept as
        ``equipment.previous``, frozen.
    judged_alone
        Whether the best weights of the stages before are forgotten, so that the model
        comes from this one. Needed where the predictor is another kind of network than
        in the stage before.
    validated
        Whether the validation tiles are looked at; not where another network learns.
    words
        What is done in it, for people who segment cells: ``Learning from your labels``.
    n_networks
        How many networks it trains; it makes the further ones by
        ``equipment.origin.network(number)``. With more than one it is the last stage.
    """

    name: str
    n_steps: int
    make: Callable[[Equipment], Stage]
    begins: Literal["continue", "latest", "fresh"] = "continue"
    taught: bool = False
    judged_alone: bool = False
    validated: bool = True
    n_networks: int = 1
    words: str = ""
