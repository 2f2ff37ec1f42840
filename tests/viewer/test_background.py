"""Work beside the viewer: answers in the main thread, the newest of a topic only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.background import Background

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_work_is_done_beside_and_answered_here(qtbot: QtBot) -> None:
    background = Background()
    found: list[tuple[str, str]] = []

    background.submit(
        lambda: threading.current_thread().name,
        lambda name: found.append((name, threading.current_thread().name)),
    )
    qtbot.waitUntil(lambda: bool(found))
    background.close()

    assert found[0][0].startswith("napari-semiseg")
    assert found[0][1] == threading.main_thread().name


def test_only_the_newest_work_of_a_topic_is_answered(qtbot: QtBot) -> None:
    background = Background()
    gate = threading.Event()
    made: list[int] = []
    answers: list[int] = []

    def work(number: int) -> int:
        gate.wait(10)
        made.append(number)
        return number

    for number in range(4):
        background.submit(lambda n=number: work(n), answers.append, topic="t")
    background.submit(lambda: 9, answers.append)
    gate.set()
    qtbot.waitUntil(lambda: not background.busy)
    background.close()

    assert answers == [3, 9]
    assert made in ([0, 3], [3])  # The first may have begun before the second came.


def test_a_problem_becomes_a_sentence(qtbot: QtBot) -> None:
    background = Background()
    sentences: list[str] = []

    def refuse() -> None:
        raise SemisegError("Open a project first.")

    background.submit(refuse, lambda _: None, sentences.append)
    qtbot.waitUntil(lambda: len(sentences) == 1)
    with qtbot.waitSignal(background.problem) as caught:
        background.submit(refuse, lambda _: None)
    background.close()

    assert sentences == ["Open a project first."] == caught.args


def test_nothing_is_answered_after_closing(qtbot: QtBot) -> None:
    background = Background()
    gate = threading.Event()
    answers: list[int] = []
    begun = threading.Event()

    def work() -> int:
        begun.set()
        gate.wait(10)
        return 1

    background.submit(work, answers.append)
    begun.wait(10)
    background.close()
    gate.set()
    qtbot.waitUntil(lambda: not background.busy)

    assert answers == []
