"""Images to learn from and images to test on; what belongs together on one side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_semiseg.api.benchmarking.drawing import hold_out
from napari_semiseg.api.benchmarking.examples import read_examples
from napari_semiseg.api.benchmarking.groups import grouped, read_groups
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan

    Sides = tuple[tuple[Example, ...], tuple[Example, ...]]

_TEST = "test/"  # Before the names of test images: a stem may occur on both sides.


def sides_of(plan: BenchmarkPlan, tell: Callable[[str], None]) -> Sides:
    """The pool and the test images of a plan.

    Raises
    ------
    SemisegError
        When images and truth do not fit each other, or nothing is left to learn from.
    """
    table = None if plan.groups is None else read_groups(plan.groups)
    read = read_examples(plan.images, plan.truth, plan.class_values)
    for message in read.messages:
        tell(message)
    if plan.test_images is None or plan.test_truth is None:
        return hold_out(grouped(read.examples, table), plan.test)
    tested = read_examples(plan.test_images, plan.test_truth, plan.class_values)
    for message in tested.messages:
        tell(message)
    if tested.n_channels != read.n_channels:
        raise SemisegError(
            f"The images have {read.n_channels} channel(s) and the test images "
            f"{tested.n_channels}: they must have the same."
        )
    pool, test = apart(read.examples, tested.examples, table)
    if n_left_out := len(read.examples) - len(pool):
        tell(
            f"{n_left_out} image(s) belong to test images (equal pixels, or the same "
            "group) and are left out of the training."
        )
    return pool, test


def apart(
    examples: Sequence[Example],
    tested: Sequence[Example],
    table: Mapping[str, str] | None,
) -> Sides:
    """Leave out of ``examples`` whatever belongs to one of the test images.

    Test images get names of their own; the table need not list them.

    Raises
    ------
    SemisegError
        When nothing is left.
    """
    test = [
        replace(one, name=_TEST + one.name, group=_TEST + one.group) for one in tested
    ]
    if table is not None:
        stems = {one.group for one in examples}
        of_test = {
            _TEST + one.group: table[one.group]
            if one.group in table and one.group not in stems
            else _TEST + one.group
            for one in tested
        }
        table = {**table, **of_test}
    both = grouped([*examples, *test], table)
    test_side = both[len(examples) :]
    groups = {one.group for one in test_side}
    pool = tuple(one for one in both[: len(examples)] if one.group not in groups)
    if not pool:
        raise SemisegError(
            "Every image belongs to a test image: nothing is left to learn from."
        )
    return pool, test_side
