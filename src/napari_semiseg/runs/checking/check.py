"""The check of a run: a cross-validation, as a run of its own beside it.

The model comes first, its check afterwards. Until this has ended, a model that would
replace another one waits: ``accepted`` of its run is neither true nor false.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.runs.beside import create_beside
from napari_semiseg.runs.checking.result import (
    decide_checked,
    read_result,
    result_file,
)
from napari_semiseg.runs.folder import RunFolder, list_runs
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.status import status
from napari_semiseg.runs.verdict import Verdict, not_validated

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.checking.result import CrossValidated
    from napari_semiseg.runs.record import RunRecord


def create_check(run: RunFolder) -> RunFolder:
    """A new run beside a finished one, with its inputs, that checks it."""
    record = run.record()
    return create_beside(
        run, record.method, stem=f"{record.method}-check", check_of=run.id
    )


def check_of(run: RunFolder) -> RunFolder | None:
    """The newest check of a run; None: there is none."""
    checks = (
        one
        for one in reversed(list_runs(run.project_folder))
        if one.record().check_of == run.id
    )
    return next(checks, None)


def wants_check(run: RunFolder) -> bool:
    """Whether a finished run is still to be checked."""
    record = run.record()
    return (
        record.cross_validate is not None
        and record.cross_validated is None
        and record.state == "finished"
        and record.accepted is not False
        and check_of(run) is None
    )


def conclude(
    run: RunFolder, found: CrossValidated | None, why: str = "", check: str = ""
) -> RunRecord:
    """Decide whether the model of a run comes into use, now that its check has ended.

    Parameters
    ----------
    found
        None: the check came to no result; then the run stands as without it.
    why
        Why there is no result, a sentence.
    check
        The run that has checked it.
    """
    used = model_in_use(run.project_folder, without=run)
    if found is None:
        verdict = _without_result(why, in_use=used is not None)
    else:
        before = None if used is None else read_result(used)
        verdict = decide_checked(found, before, in_use=used is not None)
    compared = None if verdict.compared is None else verdict.compared.as_dict()
    said: dict[str, Any] = {
        "accepted": verdict.accepted,
        "verdict": verdict.sentence,
        "compared": compared,
    }
    with run.lock():
        if found is not None:
            make_folder(run.report)
            write_json(result_file(run), found.as_dict())
        scores = run.report / "scores.json"
        if scores.is_file():
            write_json(scores, {**read_json(scores), **said})
        summary = None if found is None else {**found.summary(), "run": check}
        return run.update(**said, cross_validated=summary)


def settle(project_folder: Path) -> None:
    """Take models into use whose check was broken off and nobody went on with.

    A new run begins, perhaps from the model in use: it shall not wait for ever.
    """
    for run in list_runs(project_folder):
        record = run.record()
        if record.cross_validate is None or record.accepted is not None:
            continue
        check = check_of(run)
        if record.state == "finished" and (check is None or status(check).ended):
            conclude(run, None, "Its cross-validation was broken off.")


def _without_result(why: str, *, in_use: bool) -> Verdict:
    verdict = not_validated(stopped=False)
    if not in_use:
        verdict = Verdict(True, "It is the first model of this project.")
    return replace(verdict, sentence=f"{why} {verdict.sentence}".strip())
