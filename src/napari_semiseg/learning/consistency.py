"""The semi-supervised stage of ACTIS: mean-teacher augmentation consistency.

Source: ACTIS section 3.1. The teacher's probabilities are averaged over the flips and
turns of D4; the most probable class is the pseudo-label; a class's least confident
share k is left out; the student learns the rest under flips, turns and strong intensity
augmentation, beside the labelled tiles. Unlabelled tiles are never warped, neither
affinely nor elastically, so that pseudo-labels and masks are never interpolated;
labelled ones are not in preset ``paper``.

Where the public code departs from the paper (teacher never moves, buffers forgotten,
logits averaged, no turns, label smoothing) the paper is followed. Preset ``paper``:
unweighted cross-entropy, teacher 0.99 once every 100 steps, every tile labelled for one
step, the student predicts. ``docs/methods.md`` names each departure of ``default``,
``docs/benchmarks.md`` what of them was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning import intensity, symmetries
from napari_semiseg.learning.bank import Bank, LabelledByTeacher
from napari_semiseg.learning.class_head import (
    class_terms,
    taught_kinds,
    taught_terms,
)
from napari_semiseg.learning.devices import place_images, precision
from napari_semiseg.learning.filters import make_filter
from napari_semiseg.learning.losses import (
    Losses,
    cross_entropy,
    pixel_weights,
    supervised_loss,
)
from napari_semiseg.learning.optimizers import make_optimizer
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.rates import cosine
from napari_semiseg.learning.strong_views import TaughtTiles, covered, cut_and_mixed
from napari_semiseg.learning.supervised import draw_tiles, labelled_losses
from napari_semiseg.learning.teacher import (
    Average,
    averaged_probability,
    decay_of_half_life,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.settings import (
        ConsistencyStageSettings,
        GeometrySettings,
        Settings,
    )
    from napari_semiseg.learning.supervised import LabelledTiles


class ConsistencyStage:
    """Learns from the labelled tiles and from the teacher's view of all others."""

    name = "consistency"

    def __init__(
        self,
        equipment: Equipment,
        settings: Settings,
        stage: ConsistencyStageSettings,
        geometry: GeometrySettings,
        n_steps: int,
    ) -> None:
        self.equipment = equipment
        self.boundary = settings.boundary
        self.settings = stage
        self.n_steps = n_steps
        self.class_weights = equipment.class_weights(stage.class_weights)
        self.unlabelled_class_weights = equipment.class_weights(
            stage.unlabelled_class_weights
        )
        self.geometry = geometry
        parameters = equipment.network.parameters()
        self.optimizers = (make_optimizer(parameters, stage, nesterov=True),)
        self.teacher = Average(equipment.network)
        self.filter = make_filter(stage, equipment.n_classes)
        self.kind_filter = make_filter(stage, equipment.n_kinds)
        self.bank = Bank(max(stage.bank, stage.unlabelled_batch))

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count."""
        if self.settings.predict_with == "teacher":
            return self.teacher.network
        return self.equipment.network

    @property
    def selection(self) -> tuple[float | None, ...]:
        """From which confidence of each class the loss trusts a pixel now."""
        if not self.settings.filtering:
            return (0.0,) * self.equipment.n_classes
        return tuple(self.filter.thresholds)

    def rate(self, step: int) -> float:
        """Cosine decay over the stage."""
        first, last = self.settings.learning_rate, self.settings.final_learning_rate
        return cosine(first, last, step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        tools, settings = self.equipment, self.settings
        student = tools.batch(settings.labelled_batch, 1)
        if not settings.unlabelled_weight:
            return 1, student
        student += tools.batch(settings.unlabelled_batch, 1)
        fresh = tools.batch(settings.fresh, 1) * settings.teacher_views
        return 2, student + fresh

    def losses(self, step: int) -> Losses:
        """``L = L_supervised + w L_semi`` of one batch (ACTIS Eqs. 5, 6).

        Where objects have classes, the class head learns both likewise: inside the
        labelled objects, and inside what the teacher sees as foreground.
        """
        tools, settings = self.equipment, self.settings
        tiles = self.draw_labelled()
        if not settings.unlabelled_weight:
            return labelled_losses(tools, tiles, self.class_weights)
        self.label_fresh_tiles()
        strong = self.draw_unlabelled()

        n, share = len(tiles.image), self.unlabelled_weight(step)
        logits, of_kinds = tools.outputs(
            tools.network, torch.cat([tiles.image, strong.image])
        )
        supervised = supervised_loss(
            logits[:n], tiles.target, self.class_weights, tiles.weight
        )
        error = cross_entropy(logits[n:], strong.label) * strong.weight
        weight = pixel_weights(strong.label, self.unlabelled_class_weights)
        # Over all pixels, not over the selected: a doubtful batch must count for less.
        unsupervised = (error * weight * strong.selected).sum() / (
            weight * strong.valid
        ).sum().clamp_min(1e-6)
        terms = {
            "supervised": supervised,
            "unsupervised": unsupervised * share,
            **class_terms(of_kinds[:n], tiles.kinds, counts=tiles.weight),
            **taught_terms(of_kinds[n:], strong, share),
        }
        return Losses(terms, coverage=covered(strong))

    def draw_labelled(self) -> LabelledTiles:
        """Labelled tiles under a turn and strong intensity, and their targets."""
        settings = self.settings
        n = self.equipment.batch(settings.labelled_batch, 1)
        geometry = self.geometry if settings.warped else None
        return draw_tiles(
            self.equipment,
            n,
            self.boundary,
            geometry,
            settings.intensity,
            copy_paste=settings.copy_paste,
        )

    def label_fresh_tiles(self) -> None:
        """Let the teacher label new unlabelled tiles; the first step fills a batch."""
        tools, settings = self.equipment, self.settings
        n = self.labelled_at_once
        missing = tools.batch(settings.unlabelled_batch, 1) - len(self.bank)
        for _ in range(max(1, -(-missing // n))):
            drawn = tools.unlabelled.draw(n, tools.random)
            pseudo = self.pseudo_labels(drawn.image)
            self.filter.update(pseudo, drawn.valid)
            if pseudo.kinds is not None:
                self.kind_filter.update(pseudo.kinds, drawn.valid & (pseudo.label > 0))
            self.bank.add(LabelledByTeacher.of(drawn, pseudo))

    def pseudo_labels(self, image: Tensor) -> PseudoLabels:
        """The teacher's hard labels of weak views (ACTIS Eqs. 1, 2)."""
        with precision(self.equipment.device):
            return PseudoLabels.of(
                self.all_probability(image), self.equipment.n_classes
            )

    def class_probability(self, image: Tensor) -> Tensor:
        """The teacher's, averaged over flips and turns (ACTIS Eq. 1)."""
        return self.all_probability(image)[:, : self.equipment.n_classes]

    def all_probability(self, image: Tensor) -> Tensor:
        """The same, and behind it that of the objects' classes."""
        placed = place_images(image, self.equipment.device)
        return averaged_probability(
            self.teacher.network, placed, self.settings.teacher_views
        )

    @property
    def labelled_at_once(self) -> int:
        """Tiles the teacher labels in one pass."""
        return self.equipment.batch(self.settings.fresh, 1)

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """Mask of the pixels the loss trusts, bool ``(B, *S)`` (ACTIS Eqs. 3, 4).

        A person's word on a pixel wins over its confidence.
        """
        if self.settings.filtering:
            return said.selected(self.filter.select(label, confidence))
        return said.selected(torch.ones_like(label, dtype=torch.bool))

    def draw_unlabelled(self) -> TaughtTiles:
        """Strong views and what the teacher says of them, under the same turns.

        Where a person has decided, their word stands in the place of the teacher's.
        """
        tools, random = self.equipment, self.equipment.random
        n = tools.batch(self.settings.unlabelled_batch, 1)
        tiles = self.bank.draw(n, random)
        said = tiles.said
        trusted = self.select(tiles.label, tiles.confidence, said) & tiles.valid
        turns = random.integers(symmetries.N_SYMMETRIES, len(tiles.image))
        strong = intensity.augment(
            symmetries.apply_each(tiles.image, turns), self.settings.intensity, random
        )
        planes = (said.label(tiles.label), trusted, tiles.valid, said.weight)
        label, selected, valid, weight = (
            symmetries.apply_each(x, turns) for x in planes
        )
        kinds = self._taught(tiles, trusted)
        if kinds is not None:
            kinds = symmetries.apply_each(kinds, turns)
        taught = TaughtTiles(strong, label, selected, valid, weight, kinds)
        if not self.settings.cutmix:
            return taught
        return cut_and_mixed(taught, tiles.numbers, self.settings.cutmix, random)

    def _taught(self, tiles: LabelledByTeacher, trusted: Tensor) -> Tensor | None:
        """Targets of the class head: confident kinds where the label is trusted."""
        if tiles.kind is None or tiles.kind_confidence is None:
            return None
        counts, said = trusted, tiles.said
        if self.settings.filtering:
            found = self.kind_filter.select(tiles.kind, tiles.kind_confidence)
            counts = counts & found
        return said.kinds(taught_kinds(said.label(tiles.label), tiles.kind, counts))

    def unlabelled_weight(self, step: int) -> float:
        """Rises linearly from 0 over the first ``ramp`` of the stage."""
        rise = self.settings.ramp * self.n_steps
        return self.settings.unlabelled_weight * min(1.0, (step + 1) / max(rise, 1.0))

    def after_step(self, step: int) -> None:
        """Let the teacher follow the student, every ``teacher_interval`` steps."""
        settings = self.settings
        if not settings.momentum_teacher or (step + 1) % settings.teacher_interval:
            return
        decay = settings.teacher_decay
        if decay is None:
            half_life = settings.teacher_half_life * self.n_steps
            # Not shorter than 20 steps, but in a short stage it must move all the same.
            half_life = max(half_life, min(20.0, self.n_steps / 5))
            decay = decay_of_half_life(half_life / settings.teacher_interval)
        self.teacher.update(
            self.equipment.network, decay, warm_up=settings.teacher_warm_up
        )

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return {
            "teacher": self.teacher.network.state_dict(),
            "updates": self.teacher.updates,
            "filter": self.filter.state(),
            "kind_filter": self.kind_filter.state(),
            "bank": self.bank.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.teacher.network.load_state_dict(state["teacher"])
        self.teacher.updates = state["updates"]
        self.filter.load_state(state["filter"])
        if "kind_filter" in state:  # Not so before objects had classes.
            self.kind_filter.load_state(state["kind_filter"])
        self.bank.load_state(state["bank"], self.equipment.device)
