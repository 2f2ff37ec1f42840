"""Self-training: a fresh student of labels and pseudo-labels (ST).

Source: Luu et al., section 3, and the public code of ST++ (Yang et al. 2022). The best
network of the stage before labels the unlabelled images once for all, whole, by the sum
of its probabilities over views; a network made anew learns both kinds of labels by one
mean of the cross-entropy. Only unlabelled tiles are strongly augmented. The two rounds
of ST++ are in `self_training_rounds`.

Literal: whole images, sum of probabilities, fresh students, no threshold. The public
code repeats the labelled list until it is as long as the other and shuffles both; here
a step takes a number of each, which is the same mixture. Masks are made when first
needed, or before the first step when all will be needed; both give the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.class_head import (
    class_terms,
    taught_kinds,
    taught_terms,
)
from napari_semiseg.learning.learner import Learner
from napari_semiseg.learning.losses import Losses, cross_entropy, pixel_weights
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.pseudo_masks import PseudoMasks, parts_of
from napari_semiseg.learning.sampling import UnlabelledSampler
from napari_semiseg.learning.strong_views import TaughtTiles, covered, strong_view
from napari_semiseg.learning.summed_views import summing_forward
from napari_semiseg.learning.supervised import draw_tiles, labelled_losses
from napari_semiseg.prediction.predict import predict_probability

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.sampling import UnlabelledBatch
    from napari_semiseg.learning.supervised import LabelledTiles

TEACHER = "teacher"
"""Name of the network of the stage before, as a teacher and when it is handed on."""
_MASKS = "masks"  # Under which these are remembered.


class SelfTrainingStage:
    """A fresh student learns what its teachers say of the images in use.

    ``teachers`` label the images, by name; ``taught_by`` has the name for each image.
    """

    def __init__(
        self,
        equipment: Equipment,
        settings: FixMatchStSettings,
        n_steps: int,
        name: str,
    ) -> None:
        self.name = name
        self.equipment = equipment
        self.settings = settings
        self.student = settings.student
        self.n_steps = n_steps
        self.learner = Learner(equipment.network, settings.learner)
        self.optimizers = (self.learner.optimizer,)
        labelled, student = settings.labelled, settings.student
        self.class_weights = equipment.class_weights(labelled.class_weights)
        self.unlabelled_class_weights = equipment.class_weights(
            student.unlabelled_class_weights
        )
        self.images = equipment.unlabelled.images
        self.teachers = {TEACHER: _required(equipment.previous)}
        self.taught_by = [TEACHER] * len(self.images)
        self.masks: PseudoMasks | None = None
        self.use(range(len(self.images)))

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count."""
        return self.learner.predictor

    @property
    def selection(self) -> tuple[float | None, ...]:
        """All pseudo-labels count, however confident the teacher was."""
        return (0.0,) * self.equipment.n_classes

    def rate(self, step: int) -> float:
        """By the schedule, over the stage."""
        return self.learner.rate(step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        return 1, self._batches[0] + self._batches[1]

    # -- before the first step --------------------------------------------------------

    def prepare(self) -> Iterator[str]:
        """Label the images in use, if the stage will draw from all of their parts."""
        masks = self._masks()
        parts = [
            (image, part)
            for image in self.used
            for part in parts_of(self.images[image].source.shape)
        ]
        if len(parts) <= self.n_steps * self._batches[1]:
            for number, (image, part) in enumerate(parts, start=1):
                yield f"Labelling unlabelled images: {number} of {len(parts)}."
                masks.part(self.taught_by[image], image, part)
        self.masks = masks

    def use(self, images: Sequence[int]) -> None:
        """Draw unlabelled tiles of these images alone, by number."""
        self.used = list(images)
        tools = self.equipment.unlabelled
        chosen = [self.images[number] for number in self.used]
        self.sampler = UnlabelledSampler(chosen, tools.size, tools.device, tools.rules)

    # -- a step -----------------------------------------------------------------------

    def losses(self, step: int) -> Losses:
        """One mean cross-entropy over labelled and pseudo-labelled pixels.

        Where objects have classes, the class head has a mean for either, inside the
        labelled objects and inside those of the stored masks.
        """
        tools = self.equipment
        tiles = self.draw_labelled()
        if not self._batches[1]:
            return labelled_losses(tools, tiles, self.class_weights)
        weight = pixel_weights(tiles.target, self.class_weights) * tiles.weight
        strong = self.draw_unlabelled()
        logits, of_kinds = tools.outputs(
            tools.network, torch.cat([tiles.image, strong.image])
        )
        error = cross_entropy(logits, torch.cat([tiles.target, strong.label]))
        pseudo = pixel_weights(strong.label, self.unlabelled_class_weights)
        pseudo = pseudo * strong.selected * strong.weight
        pseudo = pseudo * self.student.unlabelled_weight
        weighted, n = error * torch.cat([weight, pseudo]), len(tiles.image)
        total = weight.sum().clamp_min(1e-6) + pseudo.sum()
        terms = {
            "supervised": weighted[:n].sum() / total,
            "unsupervised": weighted[n:].sum() / total,
            **class_terms(of_kinds[:n], tiles.kinds, counts=tiles.weight),
            **taught_terms(of_kinds[n:], strong, self.student.unlabelled_weight),
        }
        return Losses(terms, covered(strong))

    def draw_labelled(self) -> LabelledTiles:
        """Labelled tiles under weak augmentation, and their targets."""
        labelled = self.settings.labelled
        return draw_tiles(
            self.equipment,
            self._batches[0],
            self.settings.boundary,
            labelled.geometry,
            labelled.intensity,
        )

    def draw_unlabelled(self) -> TaughtTiles:
        """Strong views of tiles of the images in use, with their stored labels.

        Where a person has decided, their word stands in the place of what is stored.
        """
        random = self.equipment.random
        drawn = self.sampler.draw(self._batches[1], random)
        turns = random.integers(symmetries.N_SYMMETRIES, len(drawn.image))
        weak, stored, valid = (
            symmetries.apply_each(plane, turns)
            for plane in (drawn.image, self.stored(drawn), drawn.valid)
        )
        said = drawn.said.turned(turns)
        selected = said.selected(valid) & valid
        label, kinds = self._unpacked(stored)
        label = said.label(label)
        if kinds is not None:
            kinds = said.kinds(taught_kinds(label, kinds, selected))
        taught = TaughtTiles(weak, label, selected, valid, said.weight, kinds)
        return strong_view(taught, drawn.numbers, self.student.strong, random)

    def labels(self, drawn: UnlabelledBatch) -> Tensor:
        """Stored classes of the pixels of drawn tiles, int64 ``(B, S, S)``."""
        return self._unpacked(self.stored(drawn))[0]

    def stored(self, drawn: UnlabelledBatch) -> Tensor:
        """Stored numbers of drawn tiles, int64 ``(B, S, S)``: class + K x kind."""
        if self.masks is None:  # Nothing is prepared: only the time is measured.
            return torch.zeros_like(drawn.valid, dtype=torch.int64)
        tiles = []
        for number, box in drawn.places:
            image = self.used[number]
            shape = self.images[image].source.shape
            mask = self.masks.read(self.taught_by[image], image, box, shape)
            tiles.append(self.sampler.pad(mask, "constant"))
        return torch.from_numpy(np.stack(tiles)).long().to(self.equipment.device)

    def after_step(self, step: int) -> None:
        """Let the mean of the weights follow."""
        self.learner.follow(self.n_steps)

    # -- what a watcher sees ----------------------------------------------------------

    def labels_of(
        self, source: ImageSource, box: Box, image_id: str
    ) -> tuple[PseudoLabels, bool]:
        """What the image's teacher says of a box, and whether the image is in use."""
        known = (i for i, one in enumerate(self.images) if one.image_id == image_id)
        image = next(known, None)
        key = TEACHER if image is None else self.taught_by[image]
        probability = torch.from_numpy(self._probability(key, source, box))[None]
        pseudo = PseudoLabels.of(probability, self.equipment.n_classes)
        return pseudo, image in self.used

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """All but what a person does not trust, bool ``(B, *S)``."""
        return said.selected(torch.ones_like(label, dtype=torch.bool))

    # -- resuming ---------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser; masks are made again."""
        return {"learner": self.learner.state(), "used": self.used}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.learner.load_state(state["learner"])
        self.use(state["used"])
        self.masks = self._masks()

    # -- its own ----------------------------------------------------------------------

    @property
    def _batches(self) -> tuple[int, int]:
        """Labelled and unlabelled tiles a step; at least two together."""
        tools, student = self.equipment, self.student
        if not self.sampler.images or not student.unlabelled_weight:
            return tools.batch(max(2, student.labelled_batch)), 0
        labelled = tools.batch(student.labelled_batch, 1)
        return labelled, tools.batch(student.unlabelled_batch, 1)

    def _masks(self) -> PseudoMasks:
        """Those that an earlier round has made, and the means to make more."""
        remembered = self.equipment.remembered
        masks: PseudoMasks = remembered.setdefault(_MASKS, PseudoMasks(self._label))
        masks.label = self._label
        return masks

    def _label(self, key: str, image: int, part: Box) -> NDArray[np.uint8]:
        probability = self._probability(key, self.images[image].source, part)
        n_classes = self.equipment.n_classes
        pseudo = PseudoLabels.of(torch.from_numpy(probability)[None], n_classes)
        packed = pseudo.label[0]
        if pseudo.kinds is not None:
            packed = packed + n_classes * pseudo.kinds.label[0]
        return packed.numpy().astype(np.uint8)

    def _unpacked(self, stored: Tensor) -> tuple[Tensor, Tensor | None]:
        """Classes of pixels, and of objects where a head tells these apart."""
        n_classes = self.equipment.n_classes
        if not self.equipment.n_kinds:
            return stored, None
        return stored % n_classes, stored // n_classes

    def _probability(
        self, key: str, source: ImageSource, region: Box
    ) -> NDArray[np.float32]:
        device, student = self.equipment.device, self.student
        forward = summing_forward(
            self.teachers[key], device, student.views, student.scales
        )
        return predict_probability(forward, source, region=region, device=device)


def _required(network: nn.Module | None) -> nn.Module:
    if network is None:
        raise ValueError("self-training needs the network of the stage before")
    return network
