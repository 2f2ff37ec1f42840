"""All that a run's folder says about it, read once for the report."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.checking.result import read_result
from napari_semiseg.runs.reporting.examples import read_examples
from napari_semiseg.runs.rounds import rounds
from napari_semiseg.runs.sizes import read_sizes
from napari_semiseg.runs.supervised_arm import compare_with_arm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_semiseg.learning.size_report import SizeReport
    from napari_semiseg.runs.checking.result import CrossValidated
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord
    from napari_semiseg.runs.reporting.examples import Sheet
    from napari_semiseg.runs.rounds import Round
    from napari_semiseg.runs.supervised_arm import ArmComparison


@dataclass(frozen=True)
class RunFacts:
    """What a report is made of.

    ``card``, ``scores`` and ``inputs`` are the content of ``model.json``,
    ``scores.json`` and ``inputs.json``, empty where there is none; ``names`` are those
    of the images by id; ``curves`` is a PNG; ``checked`` is its cross-validation.
    """

    project: str
    record: RunRecord
    card: Mapping[str, Any]
    scores: Mapping[str, Any]
    inputs: Mapping[str, Any]
    names: Mapping[str, str]
    curves: bytes
    sheets: tuple[Sheet, ...]
    rounds: tuple[Round, ...]
    sizes: SizeReport | None
    checked: CrossValidated | None
    comparison: ArmComparison | None

    def image(self, image_id: object) -> str:
        """What an image is called."""
        return self.names.get(str(image_id), str(image_id))


def read_facts(run: RunFolder) -> RunFacts:
    """Read a run's folder; what is missing or damaged is left out.

    Raises
    ------
    SemisegError
        When its ``run.json`` cannot be read.
    """
    record = run.record()
    project = _json(run.project_folder / "project.json")
    images = [one for one in project.get("images", ()) if isinstance(one, dict)]
    curves = b""
    with contextlib.suppress(OSError):
        curves = (run.report / "curves.png").read_bytes()
    return RunFacts(
        project=run.project_folder.name,
        record=record,
        card=_json(run.model / "model.json"),
        scores=_json(run.report / "scores.json"),
        inputs=_json(run.inputs / "inputs.json"),
        names={str(i.get("id")): _name(i) for i in images},
        curves=curves,
        sheets=tuple(read_examples(run)),
        rounds=rounds(run.project_folder),
        sizes=_sizes(run),
        checked=read_result(run),
        comparison=compare_with_arm(run),
    )


def _sizes(run: RunFolder) -> SizeReport | None:
    with contextlib.suppress(SemisegError):
        return read_sizes(run)
    return None


def _json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, SemisegError):
        found = read_json(path)
        return found if isinstance(found, dict) else {}
    return {}


def _name(image: Mapping[str, Any]) -> str:
    name = str(image.get("path", "")).rsplit("/", 1)[-1]
    frame = f" (frame {image.get('frame')})" if image.get("n_frames", 1) != 1 else ""
    return f"{name}{frame}" or str(image.get("id"))
