"""How good a finished model is on labelled tiles."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from napari_semiseg.runs.collapse import Foreground
from napari_semiseg.segmentation.metrics import pool, score_image
from napari_semiseg.segmentation.object_classes import score_object_classes, vote
from napari_semiseg.segmentation.thresholds import LabelledTruth, search_thresholds
from napari_semiseg.segmentation.watershed import instances_from_probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
    from napari_semiseg.runs.class_evaluation import ClassEvaluation
    from napari_semiseg.segmentation.metrics import ImageScores, PooledScores
    from napari_semiseg.segmentation.object_classes import ObjectClassScores
    from napari_semiseg.segmentation.thresholds import Rule, ThresholdSearch
    from napari_semiseg.segmentation.watershed import Form


@dataclass(frozen=True, eq=False)
class Judges:
    """The tiles a model is scored on, and what they are."""

    tiles: tuple[LabelledTile, ...]
    role: Literal["validation", "training"]
    clean: bool

    @property
    def words(self) -> str:
        """For reports: ``3 validation tiles``."""
        number = len(self.tiles)
        words = f"{number} {self.role} tile{'' if number == 1 else 's'}"
        return words if self.clean else f"{words} that an earlier model was trained on"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores measured with thresholds that ``search`` has found.

    ``class_scores`` are of all tiles together, where the model tells classes apart.
    """

    search: ThresholdSearch
    scores: tuple[ImageScores, ...]
    pooled: PooledScores
    foreground: Foreground
    class_scores: ObjectClassScores | None = None

    score_words: ClassVar[str] = "precision x recall at IoU 0.5"

    @property
    def collapsed(self) -> bool:
        """Whether the model finds (nearly) nothing, or nothing but objects."""
        return self.foreground.collapsed

    @property
    def score(self) -> float:
        """Precision x recall at an IoU of 0.5, mean over the tiles."""
        return float(self.pooled.mean["ap_actis"])

    @property
    def mean(self) -> dict[str, float]:
        """Scores by name, means over the tiles; of classes over all objects."""
        classes = {} if self.class_scores is None else self.class_scores.mean
        return {**self.pooled.mean, **classes}

    @property
    def card_fields(self) -> dict[str, Any]:
        """What was tuned, as a model card has it."""
        thresholds = self.search.thresholds
        return {"thresholds": (thresholds.foreground, thresholds.seed)}

    def as_dict(self, tiles: Sequence[LabelledTile]) -> dict[str, Any]:
        """Ready for JSON."""
        search = self.search
        return {
            "thresholds": {
                "foreground": search.thresholds.foreground,
                "seed": search.thresholds.seed,
                "plateau_size": search.plateau_size,
                "n_objects": search.n_objects,
            },
            "mean": self.mean,
            "pooled": self.pooled.pooled.as_dict(),
            **self._classes_as_dict(),
            "tiles": [
                {
                    "image_id": tile.image_id,
                    "origin": list(tile.origin),
                    "size": list(tile.instances.shape),
                    **scores.as_dict(),
                }
                for tile, scores in zip(tiles, self.scores, strict=True)
            ],
        }

    def _classes_as_dict(self) -> dict[str, Any]:
        scores = self.class_scores
        return {} if scores is None else {"object_classes": scores.as_dict()}


AnyEvaluation: TypeAlias = "Evaluation | ClassEvaluation"


def judges_of(training_set: TrainingSet) -> Judges:
    """Clean validation tiles; else validation tiles; else training tiles.

    Of the last those where an object, or that there is none, is known: classes given to
    single pixels tell nothing of objects.
    """
    validation = training_set.validation
    clean = tuple(tile for tile in validation if tile.clean)
    if clean:
        return Judges(clean, "validation", clean=True)
    if validation:
        return Judges(validation, "validation", clean=False)
    known = tuple(tile for tile in training_set.training if tile.annotated.any())
    return Judges(known or training_set.training, "training", clean=True)


def evaluate(
    tiles: Sequence[LabelledTile],
    probabilities: Sequence[NDArray[np.float32]],
    *,
    form: Form,
    min_size: int,
    rule: Rule,
    altered: Sequence[Sequence[NDArray[np.float32]]] = (),
    kinds: Sequence[NDArray[np.float32]] = (),
    classes: Sequence[str] = (),
) -> Evaluation:
    """Tune the thresholds of a model and score it, on the same tiles.

    Parameters
    ----------
    tiles
        At least one labelled tile.
    probabilities
        Softmax ``(3, *S)`` of each tile by the model.
    form, min_size
        Of the watershed.
    rule
        How to choose the thresholds.
    altered
        Further views of the same tiles, to tune the thresholds on as well; scores are
        measured on ``probabilities`` alone.
    kinds, classes
        As of `score_tiles`.
    """
    truths = [LabelledTruth(tile.instances, tile.annotated) for tile in tiles]
    search = search_thresholds(
        [*probabilities, *(one for view in altered for one in view)],
        truths * (1 + len(altered)),
        form=form,
        min_size=min_size,
        rule=rule,
    )
    return score_tiles(
        tiles,
        probabilities,
        search,
        form=form,
        min_size=min_size,
        kinds=kinds,
        classes=classes,
    )


def score_tiles(
    tiles: Sequence[LabelledTile],
    probabilities: Sequence[NDArray[np.float32]],
    search: ThresholdSearch,
    *,
    form: Form,
    min_size: int,
    kinds: Sequence[NDArray[np.float32]] = (),
    classes: Sequence[str] = (),
) -> Evaluation:
    """Score a model with thresholds that were tuned here or elsewhere.

    Parameters
    ----------
    kinds, classes
        Softmax ``(N, *S)`` of the objects' classes in each tile, and their names; none
        where the model does not tell them apart.
    """
    found = [
        instances_from_probability(
            probability, search.thresholds, min_size=min_size, form=form
        )
        for probability in probabilities
    ]
    scores = tuple(
        score_image(objects, tile.instances, annotated=tile.annotated)
        for objects, tile in zip(found, tiles, strict=True)
    )
    of_classes = _score_classes(found, tiles, kinds, classes) if kinds else None
    return Evaluation(
        search, scores, pool(scores), foreground_of(found, tiles), of_classes
    )


def _score_classes(
    found: Sequence[NDArray[np.int32]],
    tiles: Sequence[LabelledTile],
    kinds: Sequence[NDArray[np.float32]],
    classes: Sequence[str],
) -> ObjectClassScores:
    each = [
        score_object_classes(
            objects,
            vote(objects, of_kinds),
            tile.instances,
            tile.class_of_objects(),
            classes,
            annotated=tile.annotated,
        )
        for objects, tile, of_kinds in zip(found, tiles, kinds, strict=True)
    ]
    return functools.reduce(operator.add, each)


def foreground_of(
    found: Sequence[NDArray[np.int32]], tiles: Sequence[LabelledTile]
) -> Foreground:
    """How much of the annotated pixels a model, and the truth, call objects."""
    pairs = list(zip(found, tiles, strict=True))
    return Foreground(
        guessed=sum(int((tile.annotated & (one > 0)).sum()) for one, tile in pairs),
        true=sum(int((tile.annotated & (tile.instances > 0)).sum()) for tile in tiles),
        known=sum(int(tile.annotated.sum()) for tile in tiles),
    )


def named_scores(judges: Judges, evaluation: AnyEvaluation) -> dict[str, float]:
    """Scores with what they were measured on in their names: ``validation.f1``."""
    prefix = judges.role if judges.clean else f"{judges.role} (not clean)"
    scores = evaluation.mean.items()
    return {f"{prefix}.{name}": float(value) for name, value in scores}
