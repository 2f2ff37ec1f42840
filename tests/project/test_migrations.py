from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.project import migrations
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pathlib import Path


def rewrite(project: Project, **changes: Any) -> Path:
    path = project.folder / "project.json"
    raw = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in raw.items() if v is not None}))
    return path


def test_a_newer_project_is_refused(project: Project) -> None:
    rewrite(project, schema_version=99)
    with pytest.raises(SemisegError, match=r"newer napari-semiseg.*pip install -U"):
        Project.open(project.folder)


def test_an_older_project_is_migrated(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name_the_task(raw: dict[str, Any]) -> dict[str, Any]:
        task = raw.pop("kind")
        return {**raw, "task": task}

    monkeypatch.setitem(migrations.PROJECT_MIGRATIONS, 0, name_the_task)
    path = rewrite(project, schema_version=0, task=None, kind="semantic")
    opened = Project.open(project.folder)
    assert opened.task == "semantic"
    assert opened.images == project.images
    assert json.loads(path.read_text())["schema_version"] == 0, (
        "reading changes nothing"
    )
    opened.update_settings(preset="paper")
    written = json.loads(path.read_text())
    assert (written["schema_version"], written["task"]) == (2, "semantic")


def test_a_version_without_a_way_on_is_refused(project: Project) -> None:
    rewrite(project, schema_version=-5)
    with pytest.raises(SemisegError, match="older version"):
        Project.open(project.folder)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"schema_version": "one"}', '{"schema_version": 1}']
)
def test_a_damaged_file_is_named(project: Project, text: str) -> None:
    (project.folder / "project.json").write_text(text)
    with pytest.raises(SemisegError, match=r"project\.json is damaged"):
        Project.open(project.folder)
