from __future__ import annotations

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.review.image_queue import ImageQueue, QueuedImage


def queue(**scores: float | None) -> ImageQueue:
    made = ImageQueue()
    for name, score in scores.items():
        made.put(image(name, score))
    return made


def image(name: str, score: float | None) -> QueuedImage:
    """With a score; None: it could not be predicted."""
    if score is None:
        return QueuedImage(name, problem="It is missing.")
    return QueuedImage(name, 0.8, 5, score=score, reason="doubtful")


def names(queue: ImageQueue, finished: set[str] = frozenset()) -> list[str]:
    return [one.image_id for one in queue.in_order(finished)]


def test_the_most_doubtful_comes_first() -> None:
    assert names(queue(a=0.1, b=0.5, c=0.3)) == ["b", "c", "a"]


def test_labelled_images_come_after_all_others() -> None:
    assert names(queue(a=0.1, b=0.5, c=0.3), {"b"}) == ["c", "a", "b"]


def test_images_that_cannot_be_predicted_come_last() -> None:
    assert names(queue(a=None, b=0.5, c=0.3), {"b"}) == ["c", "b", "a"]


def test_the_order_that_is_told_in_the_end_counts() -> None:
    found = queue(a=0.1, b=0.5, c=0.3)
    told = {"score": 0.4, "reason": "changes when turned", "box": [[0, 8], [32, 32]]}

    found.settle([{"image_id": name, **told} for name in ("c", "a", "b")])

    assert names(found) == ["c", "a", "b"]
    assert names(found, {"c"}) == ["a", "b", "c"]
    first = found.in_order()[0]
    assert (first.score, first.reason) == (0.4, "changes when turned")
    assert first.box == Box((0, 8), (32, 32))


def test_while_images_are_ranked_anew_scores_count_again() -> None:
    found = queue(a=0.1, b=0.5)
    told = {"score": 0.4, "reason": "", "box": None}
    found.settle([{"image_id": name, **told} for name in ("a", "b")])

    found.put(image("b", 0.9))

    assert names(found) == ["b", "a"]


def test_what_was_seen_is_not_offered_again() -> None:
    found = queue(a=0.1, b=0.5)

    found.visit("b")
    assert found.next_one().image_id == "a"

    found.visit("a")
    assert found.next_one() is None


def test_an_image_that_cannot_be_predicted_is_not_offered() -> None:
    assert queue(a=None).next_one() is None


def test_another_model_begins_anew() -> None:
    found = queue(a=0.1)
    found.visit("a")

    found.clear()

    assert len(found) == 0
    found.put(image("a", 0.4))
    assert found.next_one().image_id == "a"


def test_an_event_tells_all_of_an_image() -> None:
    one = QueuedImage.of(
        {
            "image_id": "a",
            "confidence": 0.9,
            "n_objects": 5,
            "sentence": None,
            "inconsistency": 0.12,
            "instability": 0.3,
            "fragility": 0.2,
            "disagreement": 0.05,
            "score": 0.7,
            "reason": "objects change when turned",
            "box": [[4, 8], [64, 32]],
        }
    )

    assert one.box == Box((4, 8), (64, 32))
    assert one.known
    assert one.about == (
        "5 objects. The model is sure to 90 %. When it is turned, 30 % of its objects "
        "and 12 % of their pixels change. With other thresholds 20 % of them change. "
        "Teacher and student differ by 5 %."
    )
