"""The verbs of the command line as Python functions.

>>> from napari_semiseg import api
>>> api.init("my-project", ["images"])  # doctest: +SKIP
>>> api.label("my-project", "a.tif", "a_labels.tif")  # doctest: +SKIP
>>> record = api.train("my-project", steps=200)  # doctest: +SKIP
>>> api.export("my-project", "results")  # doctest: +SKIP

Every problem that its user can mend is raised as a
`napari_semiseg.errors.SemisegError` with one sentence. Importing this needs no torch.
"""

from __future__ import annotations

from napari_semiseg.api.accepting import (
    AcceptedTile,
    GivenBack,
    accept,
    give_back,
)
from napari_semiseg.api.evaluating import EvaluationReport, evaluate
from napari_semiseg.api.evaluating_classes import ClassReport, evaluate_classes
from napari_semiseg.api.exporting import export
from napari_semiseg.api.labelling import InitReport, init, label
from napari_semiseg.api.models import ModelOverview, models, use_model
from napari_semiseg.api.outputs import (
    ObjectOptions,
    OutputReport,
    Progress,
    WrittenImage,
)
from napari_semiseg.api.predicting import predict
from napari_semiseg.api.ranking import QueueWeights, RankedImage, rank
from napari_semiseg.api.reporting import report
from napari_semiseg.api.rounds import (
    ImageChanges,
    RoundComparison,
    compare_rounds,
    rounds,
)
from napari_semiseg.api.running import (
    RunOverview,
    pause,
    resume,
    review_progress,
    status,
    stop,
)
from napari_semiseg.api.suggesting import Suggestion, suggest
from napari_semiseg.api.training import train

__all__ = [
    "AcceptedTile",
    "ClassReport",
    "EvaluationReport",
    "GivenBack",
    "ImageChanges",
    "InitReport",
    "ModelOverview",
    "ObjectOptions",
    "OutputReport",
    "Progress",
    "QueueWeights",
    "RankedImage",
    "RoundComparison",
    "RunOverview",
    "Suggestion",
    "WrittenImage",
    "accept",
    "compare_rounds",
    "evaluate",
    "evaluate_classes",
    "export",
    "give_back",
    "init",
    "label",
    "models",
    "pause",
    "predict",
    "rank",
    "report",
    "resume",
    "review_progress",
    "rounds",
    "status",
    "stop",
    "suggest",
    "train",
    "use_model",
]
