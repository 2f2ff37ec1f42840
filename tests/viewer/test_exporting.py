from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import FakeServer, FakeTraining, fake_desk, finished_run
from fake_server import COMMAND
from projects import make_project
from qtpy.QtCore import Qt

from napari_semiseg.api.outputs import ObjectOptions
from napari_semiseg.runs.serving import start_server
from napari_semiseg.viewer.exporting import Exporting, ExportView, ExportWish
from napari_semiseg.viewer.panels.export import ExportPanel
from napari_semiseg.viewer.server import Server
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project

ALL, IN_VIEW, CHOSEN = range(3)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "project", {})
    (project.folder / "behaviour.txt").write_text("plain")
    return project


@pytest.fixture
def desk(project: Project, tmp_path: Path, qtbot: QtBot) -> Iterator[Any]:
    """A project with a model in use, and a server that the test answers for."""
    session = Session()
    made = fake_desk(
        session,
        None,
        server=FakeServer(tmp_path / "previews"),
        training=FakeTraining(),
        looking=SimpleNamespace(model=finished_run(project)),
        autosave=SimpleNamespace(flush=lambda seconds: True),
    )
    made.exporting = Exporting(made)
    session.open(project)
    yield made
    made.exporting.close()
    session.close()


@pytest.fixture
def panel(desk: Any, qtbot: QtBot) -> Iterator[ExportPanel]:
    panel = ExportPanel(desk)
    qtbot.addWidget(panel)
    panel.show()
    yield panel
    panel.close_panel()


def tell(desk: Any, name: str, request: str = "export-1", **fields: Any) -> None:
    desk.server.export_event.emit({"event": name, "request": request, **fields})


def report(**skipped: str) -> dict[str, Any]:
    one = {"name": "a.tif", "files": ["a.tif"], "n_objects": 1200, "warning": None}
    return {
        "written": [one, {**one, "name": "b.tif", "n_objects": 34}],
        "skipped": [{"path": f"/x/{k}", "reason": v} for k, v in skipped.items()],
    }


def test_what_is_wished_is_asked_of_the_server(desk: Any, tmp_path: Path) -> None:
    wish = ExportWish(
        tmp_path / "out",
        images=("one",),
        save=("instances", "confidence"),
        objects=ObjectOptions(drop_border=True, min_area=5),
        measurements=False,
    )

    assert desk.exporting.start(wish)

    ((_, (folder, options)),) = desk.server.asked
    assert folder == tmp_path / "out"
    assert options["images"] == ("one",)
    assert options["save"] == ("instances", "confidence")
    assert options["objects"]["drop_border"] is True
    assert options["objects"]["min_area"] == 5
    assert options["measurements"] is False
    assert desk.exporting.view.busy


def test_without_a_model_nothing_is_exported(desk: Any, tmp_path: Path) -> None:
    desk.looking.model = None

    assert not desk.exporting.start(ExportWish(tmp_path / "out"))

    assert desk.server.asked == []
    assert "Train a model first" in desk.exporting.view.sentence


def test_strokes_that_cannot_be_saved_stop_an_export(desk: Any, tmp_path: Path) -> None:
    desk.autosave.flush = lambda seconds: False

    assert not desk.exporting.start(ExportWish(tmp_path / "out"))

    assert desk.server.asked == []
    assert desk.exporting.view.problem


def test_images_are_never_replaced_by_masks_of_the_same_name(
    desk: Any, project: Project
) -> None:
    folder = project.folder.parent / "project-images"

    assert not desk.exporting.start(ExportWish(folder))

    assert desk.server.asked == []
    assert "Your images lie in" in desk.exporting.view.sentence


def test_a_file_is_no_folder(desk: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    assert "is a file" in desk.exporting.why_not_into(tmp_path / "out")


def test_progress_counts_images_and_their_tiles(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    tell(desk, "exporting", image="b.tif", number=1, total=4, done=5, tiles=10)

    view = desk.exporting.view
    assert view.busy
    assert view.fraction == pytest.approx(1.5 / 4)
    assert view.sentence == "Image 2 of 4: b.tif"


def test_the_end_is_summed_up(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    tell(desk, "exported", report=report(), folder=str(tmp_path / "out"))

    view = desk.exporting.view
    assert view == ExportView(
        sentence="2 images written, 1,234 objects.", folder=tmp_path / "out"
    )


def test_images_left_out_are_named_with_the_reason(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    skipped = report(**{"c.tif": "It is missing."})
    tell(desk, "exported", report=skipped, folder=str(tmp_path / "out"))

    view = desk.exporting.view
    assert view.sentence == "2 images written, 1,234 objects; 1 image left out."
    assert view.problem
    assert view.skipped == (("c.tif", "It is missing."),)


def test_a_refusal_is_shown(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    tell(desk, "refused", sentence="The disk is full.")

    assert desk.exporting.view == ExportView(sentence="The disk is full.", problem=True)


def test_cancelling_asks_the_server_and_waits_for_it(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    desk.exporting.cancel()
    assert desk.server.cancelled == ["export-1"]
    assert desk.exporting.view.busy

    tell(desk, "cancelled")
    assert not desk.exporting.view.busy
    assert desk.exporting.view.sentence.startswith("Stopped.")


def test_one_export_at_a_time(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    assert desk.exporting.why_not() == "It is being written already."


def test_answers_to_others_are_none_of_its_business(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))
    before = desk.exporting.view

    tell(desk, "refused", request="somebody's", sentence="No.")

    assert desk.exporting.view == before


def test_another_project_begins_without_a_summary(desk: Any, tmp_path: Path) -> None:
    desk.exporting.start(ExportWish(tmp_path / "out"))

    desk.session.close()

    assert desk.exporting.view == ExportView()


def test_all_images_go_into_the_project_by_default(
    panel: ExportPanel, desk: Any, project: Project, qtbot: QtBot
) -> None:
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)

    ((_, (folder, options)),) = desk.server.asked
    assert folder == project.folder / "results"
    assert options["images"] == ()
    assert options["save"] == ("instances",)
    assert options["measurements"] is True
    assert panel.scope.itemText(ALL) == "All images (3)"


def test_only_ticked_images_are_written(
    panel: ExportPanel, desk: Any, project: Project
) -> None:
    panel.scope.setCurrentIndex(CHOSEN)
    panel.refresh()
    assert not panel.start.isEnabled()
    assert panel.start.toolTip() == "Tick at least one image."

    panel.images.tick(True, project.images[1].id)
    panel.refresh()

    assert panel.start.isEnabled()
    assert panel.wish().images == (project.images[1].id,)


def test_ticks_survive_another_image(
    panel: ExportPanel, desk: Any, project: Project
) -> None:
    panel.images.tick(True, project.images[1].id)

    desk.session.images_changed.emit()

    assert panel.images.value() == (project.images[1].id,)


def test_only_the_image_in_view_is_written(
    panel: ExportPanel, desk: Any, project: Project
) -> None:
    panel.scope.setCurrentIndex(IN_VIEW)
    panel.refresh()
    assert panel.start.toolTip() == "Choose an image in step 1 first."

    desk.session.show(project.images[2])
    panel.refresh()

    assert panel.wish().images == (project.images[2].id,)


def test_without_masks_there_is_no_table(panel: ExportPanel) -> None:
    panel.masks.setChecked(False)
    panel.maps["probability"].setChecked(True)
    panel.refresh()

    assert panel.wish().save == ("probability",)
    assert panel.wish().measurements is False
    assert not panel.table.isEnabled()

    panel.maps["probability"].setChecked(False)
    panel.refresh()
    assert panel.start.toolTip() == "Tick what to write: masks, for example."


def test_options_of_objects_are_passed_on(panel: ExportPanel) -> None:
    panel.options.drop_border.setChecked(True)
    panel.options.fill_holes.setChecked(True)
    panel.options.consecutive.setChecked(True)
    panel.options.min_area.setValue(20)
    panel.options.max_area.setValue(10)
    panel.refresh()
    assert "change one size" in panel.start.toolTip()

    panel.options.max_area.setValue(400)
    panel.refresh()

    assert panel.start.isEnabled()
    assert panel.wish().objects == ObjectOptions(
        consecutive=True, drop_border=True, min_area=20, max_area=400, fill_holes=True
    )


def test_no_largest_object_means_none(panel: ExportPanel) -> None:
    assert panel.wish().objects == ObjectOptions()


def test_another_folder_is_kept_until_another_project(
    panel: ExportPanel, desk: Any, tmp_path: Path
) -> None:
    panel.set_folder(tmp_path / "elsewhere")
    assert panel.wish().folder == tmp_path / "elsewhere"

    desk.session.close()
    assert panel.folder is None


def test_the_panel_shows_progress_and_end(
    panel: ExportPanel, desk: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.cancel.isVisible)
    assert not panel.start.isVisible()
    assert panel.bar.maximum() == 0

    tell(desk, "exporting", image="b.tif", number=1, total=2, done=0, tiles=0)
    qtbot.waitUntil(lambda: panel.bar.value() == 500)
    assert panel.fact() == "Image 2 of 2: b.tif"

    done = report(**{f"{n}.tif": "It is missing." for n in range(7)})
    tell(desk, "exported", report=done, folder=str(tmp_path))
    qtbot.waitUntil(panel.open.isVisible)
    assert panel.start.isVisible()
    assert panel.left_out.text().count("It is missing.") == 5
    assert "and 2 more" in panel.left_out.text()
    assert panel.fact() == "2 images written, 1,234 objects; 7 images left out."


def test_a_child_process_writes_the_files(
    project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    session = Session()
    session.open(project)
    parts = {
        "looking": SimpleNamespace(model=finished_run(project)),
        "autosave": SimpleNamespace(flush=lambda seconds: True),
    }
    desk = fake_desk(session, None, **parts)
    start = functools.partial(start_server, command=COMMAND)
    desk.server = Server(desk, start)
    exporting = Exporting(desk)
    seen: list[ExportView] = []
    exporting.changed.connect(lambda: seen.append(exporting.view))

    exporting.start(ExportWish(tmp_path / "out"))
    qtbot.waitUntil(lambda: not exporting.view.busy, timeout=20_000)

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cells0.tif",
        "cells1.tif",
    ]
    assert any(view.fraction for view in seen)
    assert exporting.view.sentence == (
        "2 images written, 14 objects; 1 image left out."
    )
    exporting.close()
    desk.server.close()
    assert desk.server.wait_ended(20)
    session.close()
