from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import fake_desk
from projects import make_project
from qtpy.QtCore import QObject, Signal

from napari_semiseg.runs.sizes import RegionSize, SizeReport
from napari_semiseg.viewer.panels.review_sizes import SizeRows
from napari_semiseg.viewer.review.run_reports import Reports
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


class Ranking(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.gone_to: list[str] = []

    def go(self, image_id: str) -> None:
        self.gone_to.append(image_id)


@pytest.fixture
def desk(tmp_path: Path, qtbot: QtBot) -> Iterator[Any]:
    session = Session()
    reviewing = SimpleNamespace(
        reports=SimpleNamespace(now=Reports()), ranking=Ranking()
    )
    made = fake_desk(session, None, reviewing=reviewing)
    project = make_project(tmp_path / "project", {})
    session.open(project)
    session.show(project.images[0])
    yield made
    session.close()


@pytest.fixture
def rows(desk: Any, qtbot: QtBot) -> SizeRows:
    made = SizeRows(desk)
    qtbot.addWidget(made)
    return made


def show(desk: Any, rows: SizeRows, *classes: str, **changes: Any) -> None:
    """Show a report in which each image has the sizes given by its number."""
    images = {
        item.id: changes[f"of_{number}"]
        for number, item in enumerate(desk.session.opened.images)
        if f"of_{number}" in changes
    }
    report = SizeReport(
        classes=classes,
        labelled=changes.get("labelled", ((0.1,) * len(classes),)),
        relative_error=(0.2,) * len(classes),
        gamma=(0.3,) * len(classes),
        used=changes.get("used", (True,) * len(classes)),
        sentence="Sizes are estimated to 20 %.",
        origin="regressed",
        images=images,
    )
    desk.reviewing.reports.now = Reports(sizes=report)
    rows.refresh()


def entries(rows: SizeRows) -> list[tuple[str, str]]:
    found = [rows.list.topLevelItem(n) for n in range(rows.list.topLevelItemCount())]
    return [(entry.text(0), entry.text(1)) for entry in found]


def test_without_sizes_there_is_nothing_to_see(desk: Any, rows: SizeRows) -> None:
    rows.refresh()
    assert rows.isHidden()

    show(desk, rows, "object")
    assert not rows.isHidden()


def test_the_image_in_view_is_marked_among_the_labelled_tiles(
    desk: Any, rows: SizeRows
) -> None:
    show(
        desk,
        rows,
        "object",
        labelled=((0.1,), (0.2,)),
        of_0=(RegionSize(0.1, 0.22, 0.31, 0.16),),
    )

    assert rows.histogram.drawn().sum() == 2
    assert rows.histogram.band() == pytest.approx((10, 22))
    assert rows.histogram.size_line() == pytest.approx(31)
    assert rows.here.text() == (
        "This image: 31 % found, expected 10 to 22 %, estimated 16 %."
    )
    assert rows.sentence.text() == "Sizes are estimated to 20 %."


def test_a_class_without_bounds_has_no_band(desk: Any, rows: SizeRows) -> None:
    show(desk, rows, "object", used=(False,), of_0=(RegionSize(0.0, 1.0, 0.3),))

    assert rows.histogram.band() is None
    assert rows.here.text() == "This image: 30 % found."


def test_an_image_that_the_run_did_not_know_is_said(desk: Any, rows: SizeRows) -> None:
    show(desk, rows, "object", of_1=(RegionSize(0.1, 0.2, 0.15),))

    assert "no bounds" in rows.here.text()
    assert rows.histogram.size_line() is None


def test_violators_are_listed_and_lead_to_their_image(
    desk: Any, rows: SizeRows
) -> None:
    items = desk.session.opened.images
    show(
        desk,
        rows,
        "object",
        of_0=(RegionSize(0.1, 0.2, 0.21),),
        of_1=(RegionSize(0.1, 0.22, 0.31),),
        of_2=(RegionSize(0.1, 0.22, 0.15),),
    )

    assert entries(rows) == [
        ("cells1.tif", "31 %, expected 10 to 22 %"),
        ("cells0.tif", "21 %, expected 10 to 20 %"),
    ]
    assert rows.violators.text() == "Outside their bounds: 2 images."

    rows.list.itemClicked.emit(rows.list.topLevelItem(0), 0)
    assert desk.reviewing.ranking.gone_to == [items[1].id]


def test_before_the_end_nobody_knows_who_violates(desk: Any, rows: SizeRows) -> None:
    show(desk, rows, "object", of_0=(RegionSize(0.1, 0.2, None, 0.15),))
    assert rows.violators.text() == "Which images violate them is known at the end."

    show(desk, rows, "object", of_0=(RegionSize(0.1, 0.2, 0.15, 0.15),))
    assert rows.violators.text() == "All images are within their bounds."
    assert entries(rows) == []


def test_each_class_can_be_looked_at(desk: Any, rows: SizeRows) -> None:
    sizes = (RegionSize(0.1, 0.2, 0.15), RegionSize(0.4, 0.5, 0.9))
    show(
        desk,
        rows,
        "nucleus",
        "cytoplasm",
        labelled=((0.1, 0.4), (0.2, 0.5), (0.1, 0.6)),
        of_0=sizes,
    )
    assert not rows._class.isHidden()
    assert rows.histogram.band() == pytest.approx((10, 20))
    assert entries(rows) == [("cells0.tif", "cytoplasm 90 %, expected 40 to 50 %")]

    rows._class.setCurrentIndex(1)
    rows._class.activated.emit(1)

    assert rows.histogram.band() == pytest.approx((40, 50))


def test_of_one_class_there_is_no_choice(desk: Any, rows: SizeRows) -> None:
    show(desk, rows, "object", of_0=(RegionSize(0.1, 0.2, 0.15),))

    assert rows._class.isHidden()
