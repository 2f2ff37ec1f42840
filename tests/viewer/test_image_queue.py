from __future__ import annotations

from napari_semiseg.viewer.review.image_queue import ImageQueue, QueuedImage


def queue(**confidences: float | None) -> ImageQueue:
    made = ImageQueue()
    for name, confidence in confidences.items():
        made.put(QueuedImage(name, confidence, 5))
    return made


def names(queue: ImageQueue, finished: set[str] = frozenset()) -> list[str]:
    return [one.image_id for one in queue.in_order(finished)]


def test_the_least_sure_comes_first() -> None:
    assert names(queue(a=0.9, b=0.5, c=0.7)) == ["b", "c", "a"]


def test_labelled_images_come_after_all_others() -> None:
    assert names(queue(a=0.9, b=0.5, c=0.7), {"b"}) == ["c", "a", "b"]


def test_images_that_cannot_be_predicted_come_last() -> None:
    assert names(queue(a=None, b=0.5, c=0.7), {"b"}) == ["c", "b", "a"]


def test_what_was_seen_is_not_offered_again() -> None:
    found = queue(a=0.9, b=0.5)

    found.visit("b")
    assert found.next_one().image_id == "a"

    found.visit("a")
    assert found.next_one() is None


def test_an_image_that_cannot_be_predicted_is_not_offered() -> None:
    assert queue(a=None).next_one() is None


def test_another_model_begins_anew() -> None:
    found = queue(a=0.9)
    found.visit("a")

    found.clear()

    assert len(found) == 0
    found.put(QueuedImage("a", 0.4, 5))
    assert found.next_one().image_id == "a"


def test_reasons_are_words() -> None:
    assert QueuedImage("a", 0.612, 5).reason == "unsure, 61 %"
    assert QueuedImage("a", 0.85, 5).reason == "not quite sure, 85 %"
    assert QueuedImage("a", 0.95, 5).reason == "95 %"
    assert QueuedImage("a", 0.95, 0).reason == "no object found"
    assert QueuedImage("a", None, None, "It is missing.").reason == (
        "cannot be predicted"
    )
