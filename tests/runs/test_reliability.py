"""How reliable a run found each image, on disk and in its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_training import FakeReport, FakeTraining, training_run

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.report import ImageReliability
from napari_semiseg.runs.events import EventFollower
from napari_semiseg.runs.reliability import read_reliability, write_reliability

if TYPE_CHECKING:
    from napari_semiseg.runs.folder import RunFolder

FOUND = (
    ImageReliability("a,b", 0.75, 0.9, 1),
    ImageReliability("second", 0.0, 0.5, 2),
    ImageReliability("empty", None, 0.99, 2),
)


class Ranking(FakeTraining):
    """Ranks its images before its first step."""

    def __iter__(self):
        if self.step == 0:
            yield FakeReport(
                0, self.total_steps, {}, preparing="Ranked.", reliability=FOUND
            )
        yield from super().__iter__()


def test_a_run_keeps_its_ranking(run: RunFolder) -> None:
    training_run(run, Ranking()).train()
    assert run.reliability.read_text().splitlines() == [
        "image_id,score,confidence,round",
        '"a,b",0.750000,0.900000,1',
        "second,0.000000,0.500000,2",
        "empty,,0.990000,2",
    ]
    events = EventFollower(run.events).read()
    (ranked,) = (event for event in events if event["event"] == "reliability")
    assert ranked["images"][1] == {"image_id": "second", "score": 0.0, "round": 2}
    assert ranked["images"][2]["score"] is None
    assert [event["step"] for event in events if event["event"] == "step"][-1] == 5


def test_scores_are_read_back(run: RunFolder) -> None:
    assert read_reliability(run) == {}
    write_reliability(run.reliability, FOUND)
    assert read_reliability(run) == {"a,b": 0.75, "second": 0.0}


def test_a_damaged_table_is_named(run: RunFolder) -> None:
    run.reliability.parent.mkdir(exist_ok=True)
    run.reliability.write_text("image_id,score\na,much\n")
    with pytest.raises(SemisegError, match="is damaged"):
        read_reliability(run)
