"""What ``run.json`` says about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.liveness import TrainingProcess

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 1

RunState = Literal[
    "starting", "training", "paused", "finishing", "finished", "stopped", "failed"
]
ACTIVE: frozenset[RunState] = frozenset({"starting", "training", "paused", "finishing"})


class RunRecord(BaseModel):
    """The facts of one run; frozen, written by the training process only.

    Attributes
    ----------
    id, method, settings, seed, start
        What was asked for; ``settings`` as the method's model dumps itself, ``start``
        is ``scratch``, ``last`` or a model folder.
    versions
        Version of each library the weights depend on.
    inputs
        Content hash of each image, by image id.
    device, threads
        Where it trains; the same threads are used on resume, for the same bits.
    state
        What is, not what is wished.
    process
        Who trains; None before the first start.
    asked
        When the latest start was asked for, seconds since 1970; older requests are
        stale.
    created, started, ended
        ISO 8601 in UTC.
    total_steps, minutes, seconds_per_step
        Gradient steps of all stages together; where ``minutes`` were given, how the
        calibration turned them into steps.
    changes
        What was changed on the way (batch size), as sentences.
    messages
        What the user should know.
    accepted, verdict
        Whether the model replaced the one in use, and why; None while unknown, as long
        as a cross-validation is to decide.
    scores, validated
        Scores of the model on the tiles that ``tuned_on`` names, and whether these are
        validation tiles that no model before it has learned from.
    compared
        Numbers of the comparison with the model in use: ``score``, ``against``,
        ``difference``, ``noise`` (null with a single tile), ``n_tiles``; null without
        tiles to compare on.
    compare, arm_of
        Whether a supervised arm of as many steps follows; the run this one is that arm
        of, which never comes into use by itself.
    cross_validate, check_of
        How many folds its cross-validation has, None: there is none; the run that this
        one is the cross-validation of.
    cross_validated
        What that has found: ``score``, ``noise`` (null of a single tile), ``n_tiles``,
        ``n_folds``, ``words`` (``by cross-validation over 4 labelled tiles``),
        ``collapsed``, and the ``run`` that did it; None while it has not ended.
    labels
        What was labelled when it began, see `project.label_counts`.
    failure, failure_kind
        Cause and remedy in a sentence, when ``state`` is ``failed``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    id: str
    method: str
    settings: dict[str, Any] = {}
    seed: int | None = None
    start: str = "scratch"
    versions: dict[str, str] = {}
    inputs: dict[str, str] = {}
    device: str | None = None
    threads: int | None = None
    state: RunState = "starting"
    process: TrainingProcess | None = None
    asked: float = 0.0
    created: str = ""
    started: str | None = None
    ended: str | None = None
    total_steps: int | None = None
    minutes: float | None = None
    seconds_per_step: dict[str, float] | None = None
    changes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    accepted: bool | None = None
    verdict: str | None = None
    tuned_on: str | None = None
    scores: dict[str, float | None] = {}
    validated: bool | None = None
    compared: dict[str, float | int | None] | None = None
    compare: bool = False
    arm_of: str | None = None
    cross_validate: int | None = None
    check_of: str | None = None
    cross_validated: dict[str, Any] | None = None
    labels: dict[str, float | int | None] | None = None
    failure: str | None = None
    failure_kind: str | None = None


def read_record(path: Path) -> RunRecord:
    """Read a ``run.json``.

    Raises
    ------
    SemisegError
        When it is missing, damaged, or written by a newer version.
    """
    if not path.is_file():
        raise SemisegError(f"{path.parent} is not a run folder: it has no {path.name}.")
    content = read_json(path)
    version = content.get("schema_version", 0) if isinstance(content, dict) else 0
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise SemisegError(
            f"{path} was written by a newer version of napari-semiseg. "
            "Update napari-semiseg to open this run."
        )
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        raise SemisegError(
            f"{path} is damaged: {error.error_count()} wrong fields."
        ) from (error)
