"""Sizes of regions in a run folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_training import FakeReport, FakeTraining, training_run

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.sizes import RegionSize, SizeReport, read_sizes, write_sizes

if TYPE_CHECKING:
    from napari_semiseg.runs.folder import RunFolder

REPORT = SizeReport(
    classes=("cytoplasm", "nucleus"),
    labelled=((0.3, 0.1), (0.25, 0.12)),
    relative_error=(0.2, None),
    gamma=(0.3, None),
    used=(True, False),
    sentence="The nucleus is too hard to tell.",
    origin="regressed",
    images={
        "a": (RegionSize(0.2, 0.4, 0.1, 0.3), RegionSize(0.0, 1.0, 0.9)),
        "b": (RegionSize(0.2, 0.4, 0.3, 0.3), RegionSize(0.0, 1.0)),
        "c": (RegionSize(0.1, 0.2, 0.6, 0.15), RegionSize(0.0, 1.0, 0.0)),
    },
)
BEFORE = replace(REPORT, images={})


def test_what_is_written_is_read(run: RunFolder) -> None:
    assert read_sizes(run) is None
    write_sizes(run.sizes, REPORT)
    assert read_sizes(run) == REPORT
    assert run.sizes == run.path / "report" / "sizes.json"


def test_the_worst_violator_comes_first() -> None:
    found = REPORT.violators()
    assert [(image_id, number) for image_id, number, _ in found] == [("c", 0), ("a", 0)]
    assert found[0][2].excess == pytest.approx(2.0)
    assert found[1][2].excess == pytest.approx(0.5)


def test_a_bound_of_nothing_has_a_finite_excess() -> None:
    assert RegionSize(0.0, 0.0, 0.01).excess == pytest.approx(10.0)
    assert replace(RegionSize(0.0, 0.0, 0.01), size=None).excess == 0


@pytest.mark.parametrize("text", ["[]", '{"classes": []}', "{"])
def test_a_damaged_file_is_named(run: RunFolder, text: str) -> None:
    run.sizes.parent.mkdir(exist_ok=True)
    run.sizes.write_text(text)
    with pytest.raises(SemisegError, match=r"sizes\.json"):
        read_sizes(run)


class Sizing(FakeTraining):
    """Knows sizes before its first step, and more of them after its last one."""

    def __iter__(self):
        if self.step == 0:
            yield FakeReport(0, self.total_steps, {}, preparing="Known.", sizes=BEFORE)
        yield from super().__iter__()
        yield FakeReport(
            self.step, self.total_steps, {}, preparing="Measured.", sizes=REPORT
        )


def test_a_run_keeps_what_it_knows_of_sizes(run: RunFolder) -> None:
    seen = []
    training_run(run, Sizing(), on_event=lambda event: _note(run, event, seen)).train()
    assert seen == [BEFORE, REPORT]
    assert run.record().state == "finished"


def _note(run: RunFolder, event: dict[str, object], seen: list[object]) -> None:
    if event["event"] == "sizes":
        assert event["sentence"] == REPORT.sentence
        seen.append(read_sizes(run))
