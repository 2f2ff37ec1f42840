from __future__ import annotations

import itertools
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.runs import asking
from napari_semiseg.runs.control import send
from napari_semiseg.runs.events import EventFollower
from napari_semiseg.runs.liveness import this_process
from napari_semiseg.runs.server import Server
from napari_semiseg.runs.server_folder import ServerFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari_semiseg.runs.control import Request

BOX = Box((0, 0), (4, 4))


@pytest.fixture
def folder(tmp_path: Path) -> ServerFolder:
    found = ServerFolder.of(tmp_path, "test")
    make_folder(found.control)
    make_folder(found.previews)
    return found


@dataclass
class FakeWork:
    """Takes ``tiles`` looks around for each piece of work.

    ``at`` maps the name of a piece (``preview cells``, ``rank a``, ``export``) and its
    tile to what happens then.
    """

    at: dict[tuple[str, int], Callable[[], Any]] = field(default_factory=dict)
    tiles: int = 3
    used: str | None = "run-1"
    images: tuple[str, ...] = ("a", "b", "c")
    rests: int = 0

    def describe(self) -> dict[str, Any]:
        return {"devices": [], "default_device": "cpu"}

    def model(self) -> str | None:
        return self.used

    def preview(self, request: Request, attend: Callable[[], None]) -> dict[str, Any]:
        self._work(f"preview {request.image_id}", attend)
        return {"image_id": request.image_id, "origin": request.origin}

    def ranking(
        self, request: Request, attend: Callable[[], None]
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        for image in self.images:
            self._work(f"rank {image}", attend)
            yield {"image_id": image}
        return {"order": list(self.images)}

    def export(
        self, request: Request, tell: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        tiles = itertools.count()
        self._work("export", lambda: tell({"done": next(tiles)}))
        return {"folder": request.options["folder"]}

    def pace(self, request: Request) -> dict[str, Any]:
        self._work("pace", lambda: None)
        return {"steps_per_minute": 60.0}

    def rest(self) -> None:
        self.rests += 1

    def _work(self, name: str, attend: Callable[[], None]) -> None:
        for tile in range(self.tiles):
            self.at.pop((name, tile), lambda: None)()
            attend()


def serve(folder: ServerFolder, work: FakeWork, **options: Any) -> list[dict[str, Any]]:
    """Serves until nothing is left to do; all events but the first and the last."""
    options.setdefault("wait", lambda seconds: send(folder.control, "stop"))
    Server(folder, work, **options).serve()
    seen = EventFollower(folder.events).read()
    assert (seen[0]["event"], seen[-1]["event"]) == ("ready", "closed")
    return seen[1:-1]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def preview(folder: ServerFolder, image: str, box: Box = BOX) -> Request:
    return asking.request_preview(folder, image, box)


def test_answers_what_was_asked_before_it_began(folder: ServerFolder) -> None:
    request = preview(folder, "cells", Box((2, 3), (4, 5)))
    work = FakeWork()
    (event,) = serve(folder, work)
    assert (event["event"], event["request"]) == ("preview", request.id)
    assert event["origin"] == [2, 3]
    assert work.rests == 1
    assert not folder.previews.exists()
    assert not list(folder.control.glob("*.json"))


def test_only_the_newest_preview_of_an_image_counts(folder: ServerFolder) -> None:
    old, other, new = (preview(folder, name) for name in ("a", "b", "a"))
    seen = serve(folder, FakeWork())
    answers = {event["request"]: event["event"] for event in seen}
    assert answers == {old.id: "cancelled", other.id: "preview", new.id: "preview"}


def test_preview_of_another_place_ends_the_one_under_way(folder: ServerFolder) -> None:
    sent = [preview(folder, "a")]

    def move() -> None:
        sent.append(preview(folder, "a", Box((1, 1), (4, 4))))

    seen = serve(folder, FakeWork(at={("preview a", 1): move}))
    assert [(e["event"], e["request"]) for e in seen] == [
        ("cancelled", sent[0].id),
        ("preview", sent[1].id),
    ]


def test_repeated_preview_does_not_end_the_one_under_way(folder: ServerFolder) -> None:
    preview(folder, "a")
    work = FakeWork(at={("preview a", 1): lambda: preview(folder, "a")})
    assert names(serve(folder, work)) == ["preview", "preview"]


def test_previews_and_exports_are_not_kept_by_a_ranking(folder: ServerFolder) -> None:
    asking.request_ranking(folder)

    def interrupt(path: Path = folder.path) -> None:
        preview(folder, "cells")
        asking.request_export(folder, path)

    seen = serve(folder, FakeWork(at={("rank a", 0): interrupt}))
    told = [name for name in names(seen) if name != "exporting"]
    assert told == ["preview", "ranked", "exported", "ranked", "ranked", "ranked_all"]
    assert seen[-1]["order"] == ["a", "b", "c"]


def test_export_tells_how_far_it_is_but_not_too_often(folder: ServerFolder) -> None:
    asking.request_export(folder, folder.path)
    clock = itertools.count(0, 0.01)
    seen = serve(folder, FakeWork(tiles=200), clock=lambda: next(clock))
    told = [event["done"] for event in seen if event["event"] == "exporting"]
    assert 5 < len(told) < 60
    assert told == sorted(told)
    assert seen[-1]["event"] == "exported"


def test_views_of_two_runs_do_not_take_each_others_place(folder: ServerFolder) -> None:
    asked = [
        asking.request_preview(folder, "cells", BOX, run=run)
        for run in ("", "run-2", "run-3", "run-2")
    ]
    seen = serve(folder, FakeWork())
    answers = {event["request"]: event["event"] for event in seen}
    assert [answers[request.id] for request in asked] == [
        "preview",
        "cancelled",
        "preview",
        "preview",
    ]


def test_export_is_cancelled_and_the_next_one_made(folder: ServerFolder) -> None:
    first = asking.request_export(folder, folder.path)
    second = asking.request_export(folder, folder.path)
    queued = asking.request_export(folder, folder.path)

    def cancel() -> None:
        asking.request_cancel(folder, first)
        asking.request_cancel(folder, queued.id)
        asking.request_cancel(folder, "unknown")

    seen = serve(folder, FakeWork(at={("export", 1): cancel}))
    ends = {e["request"]: e["event"] for e in seen if e["event"] != "exporting"}
    assert ends == {
        first.id: "cancelled",
        second.id: "exported",
        queued.id: "cancelled",
    }


@pytest.mark.parametrize("again", [True, False])
def test_ranking_ends_at_a_cancel_or_a_newer_one(
    folder: ServerFolder, again: bool
) -> None:
    sent = [asking.request_ranking(folder)]

    def end() -> None:
        if again:
            sent.append(asking.request_ranking(folder))
        else:
            asking.request_cancel(folder, sent[0])

    seen = serve(folder, FakeWork(at={("rank b", 1): end}))
    of_first = [e["event"] for e in seen if e["request"] == sent[0].id]
    assert of_first == ["ranked", "cancelled"]
    later = [e["event"] for e in seen if e["request"] != sent[0].id]
    assert later == (["ranked"] * 3 + ["ranked_all"]) * again


def test_failures_are_refused_and_the_server_goes_on(
    folder: ServerFolder, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(error: Exception) -> Callable[[], None]:
        def raise_it() -> None:
            raise error

        return raise_it

    memory = type("OutOfMemoryError", (RuntimeError,), {})
    work = FakeWork(
        at={
            ("preview a", 0): fail(SemisegError("There is no model yet.")),
            ("export", 0): fail(memory("CUDA out of memory")),
            ("pace", 0): fail(KeyError("surprise")),
            ("rank a", 0): fail(MemoryError()),
        }
    )
    requests = {
        preview(folder, "a").id: "There is no model yet.",
        asking.request_export(folder, folder.path).id: "memory of the GPU",
        asking.request_pace(folder, make_settings("actis")).id: "surprise",
        asking.request_ranking(folder).id: "memory does not suffice",
        send(folder.control, "pause").id: "No run",
    }
    seen = serve(folder, work)
    told = {e["request"]: e["sentence"] for e in seen if e["event"] == "refused"}
    assert told.keys() == requests.keys()
    assert all(words in told[request] for request, words in requests.items())
    assert "surprise" in caplog.text
    assert "ranked_all" not in names(seen)


def test_another_model_is_told_before_its_answer(folder: ServerFolder) -> None:
    work = FakeWork()

    def retrain() -> None:
        work.used = "run-2"
        preview(folder, "b")

    work.at[("preview a", 2)] = retrain
    preview(folder, "a")
    seen = serve(folder, work)
    assert names(seen) == ["preview", "model", "preview"]
    assert seen[1]["run"] == "run-2"


def test_stop_ends_work_under_way(folder: ServerFolder) -> None:
    asking.request_ranking(folder)
    work = FakeWork(at={("rank b", 0): lambda: send(folder.control, "stop")})
    assert names(serve(folder, work)) == ["ranked"]


def test_terminate_ends_work_under_way(folder: ServerFolder) -> None:
    asking.request_export(folder, folder.path)
    before = signal.getsignal(signal.SIGTERM)
    work = FakeWork(at={("export", 1): lambda: os.kill(os.getpid(), signal.SIGTERM)})
    assert names(serve(folder, work))[-1] == "cancelled"
    assert signal.getsignal(signal.SIGTERM) == before


def test_it_ends_when_its_parent_is_gone(folder: ServerFolder) -> None:
    clock = itertools.count()
    waits: list[float] = []
    me = this_process()
    gone = me.model_copy(update={"created": me.created - 1000})
    options: dict[str, Any] = {"clock": lambda: next(clock), "wait": waits.append}
    assert serve(folder, FakeWork(), parent=gone, **options) == []
    assert 0 < len(waits) < 10


def test_it_stays_while_its_parent_lives_and_shows_it(folder: ServerFolder) -> None:
    clock = itertools.count(0, 3)
    waits = itertools.count()

    def wait(seconds: float) -> None:
        if next(waits) == 30:
            send(folder.control, "stop")

    options: dict[str, Any] = {"clock": lambda: next(clock), "wait": wait}
    seen = serve(folder, FakeWork(), parent=this_process(), **options)
    assert names(seen).count("alive") >= 2
    assert next(waits) > 30


def test_wishes_survive_the_way(folder: ServerFolder) -> None:
    settings = make_settings("actis", changes={"steps": 7})
    request = asking.request_pace(folder, settings, minutes=2.5)
    wish = asking.PaceWish.model_validate(request.options)
    assert wish.minutes == 2.5
    assert type(settings).model_validate(wish.settings) == settings
    request = asking.request_export(
        folder, folder.path, images=["a"], objects={"min_area": 3}
    )
    export = asking.ExportWish.model_validate(request.options)
    assert (export.images, export.objects) == (("a",), {"min_area": 3})
    assert (export.measurements, export.save) == (True, None)
    ranking = asking.request_ranking(folder, images=["a"])
    assert asking.RankWish.model_validate(ranking.options).images == ("a",)
