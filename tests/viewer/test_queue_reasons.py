from __future__ import annotations

from napari_semiseg.runs.outside import Outside
from napari_semiseg.viewer.review.image_queue import ImageQueue, QueuedImage


def queue(**scores: float | None) -> ImageQueue:
    made = ImageQueue()
    for name, score in scores.items():
        confidence = None if score is None else 0.8
        made.put(QueuedImage(name, confidence, 5, score=score or 0.0, reason="unsure"))
    return made


def names(queue: ImageQueue, finished: set[str] = frozenset()) -> list[str]:
    return [one.image_id for one in queue.in_order(finished)]


def test_images_are_known_from_the_training_alone() -> None:
    made = ImageQueue()

    made.report({"a": 0.8, "b": 0.43}, {})

    assert len(made) == 2
    assert names(made) == ["b", "a"]
    assert made.next_one().image_id == "b"
    assert made.reliable
    assert not made.looked_at


def test_wrong_sizes_come_before_right_ones_the_worst_first() -> None:
    made = ImageQueue()
    wrong = {"b": Outside("b", "b.", 0.4), "c": Outside("c", "c.", 1.2)}

    made.report({"a": 0.7, "b": 0.7, "c": 0.7, "d": 0.7}, wrong)

    assert names(made) == ["c", "b", "a", "d"]
    assert [one.reason for one in made.in_order()][:2] == ["c", "b"]


def test_what_the_server_says_of_an_image_goes_before_what_the_training_did() -> None:
    made = queue(a=0.05)

    made.report({"a": 0.1, "b": 0.9}, {})

    first, second = made.in_order()
    assert (first.image_id, second.image_id) == ("b", "a")
    assert (second.score, second.reason) == (0.05, "unsure")
    assert second.reliability == 0.1


def test_labelled_images_still_come_last() -> None:
    made = queue(a=0.1)
    made.report({"b": 0.4}, {})

    assert names(made, {"b"}) == ["a", "b"]


def test_a_new_report_replaces_the_old_one() -> None:
    made = ImageQueue()
    made.report({"a": 0.4}, {"b": Outside("b", "b.", 1.0)})

    made.report({"c": 0.5}, {})

    assert names(made) == ["c"]


def test_another_model_leaves_the_report_to_whoever_reports() -> None:
    made = queue(a=0.1)
    made.report({"a": 0.4}, {})
    made.visit("a")

    made.clear()

    assert names(made) == ["a"]
    assert not made.looked_at
    assert made.next_one().image_id == "a"


def test_an_image_that_cannot_be_predicted_but_was_ranked_is_offered() -> None:
    made = queue(a=None)
    assert made.next_one() is None

    made.report({"a": 0.4}, {})

    assert made.next_one().reason == "checkpoints disagree, 0.40"


def test_all_that_is_known_is_told() -> None:
    one = QueuedImage("a", 0.6, 5, reliability=0.43, outside=Outside("", "Big.", 1.0))

    assert one.about == (
        "5 objects. Big. Several stages of the training saw the same here to 43 %. "
        "The model is sure to 60 %."
    )
    assert QueuedImage("a", None, None, "It is gone.").about == "It is gone."
