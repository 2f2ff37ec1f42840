"""Sizes by a regressor: crops, the fit, its error, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.learning.conftest import SIZE, discs, tile

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.curriculum_settings import (
    CurriculumStageSettings,
    RegressorSettings,
)
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.settings import GeometrySettings
from napari_semiseg.learning.size_crops import (
    SizeCrops,
    known_share,
    region_maps,
    sizes_of,
)
from napari_semiseg.learning.size_fitting import Moments, fit_counting, parts_of
from napari_semiseg.learning.size_judgement import Judgement, judge
from napari_semiseg.learning.size_regressor import PIXELS, make_regressor
from napari_semiseg.learning.typed_bounds import as_text, parse, typed

if TYPE_CHECKING:
    from collections.abc import Generator

CPU = torch.device("cpu")
STILL = GeometrySettings(probability=0.0)


def drained(parts: Generator[str, None, object]) -> object:
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return end.value


def crops_of(tiles, size: int = SIZE, **changes) -> SizeCrops:
    maps = [region_maps(one, 1, "instances", "inner") for one in tiles]
    return SizeCrops(tiles, maps, size, CPU, **changes)


def regressor(kind: str = "counting"):
    wanted = NetworkSettings(encoder="resnet18", weights="none")
    network, _ = build_network(wanted, 1, 3)
    return make_regressor(network, RegressorSettings(kind=kind), 1, 0)


# -- crops --------------------------------------------------------------------------


def test_sizes_are_those_of_what_a_crop_shows() -> None:
    """Where a tile is turned and mirrored beyond its edge labels go along."""
    _, ids = discs(0)
    bright = tile(0, image=(ids > 0)[None].astype(np.float32))
    drawn = crops_of([bright]).draw(6, RegressorSettings().geometry, Randomness(0, CPU))
    shown = (drawn.image[:, 0] > 0.5).float().mean((1, 2))
    assert drawn.size[:, 0].tolist() == pytest.approx(shown.tolist(), abs=0.02)
    assert drawn.known.all()
    assert drawn.size.std() > 0


def test_beyond_a_tile_there_is_nothing_in_the_paper() -> None:
    whole = np.ones((SIZE, SIZE), np.int32)
    full = tile(0, instances=whole, image=whole[None].astype(np.float32))
    moved = GeometrySettings(
        rotation=0, scale=1, shear=0, elastic=0, translation=0.5, probability=1
    )
    mirrored, zero = (
        crops_of([full], beyond=beyond).draw(4, moved, Randomness(0, CPU)).size
        for beyond in ("mirrored", "zero")
    )
    assert mirrored.tolist() == [[1.0]] * 4
    assert (zero < 0.95).any()


def test_crops_of_which_little_is_known_do_not_count() -> None:
    half = np.zeros((SIZE, 2 * SIZE), bool)
    half[:, SIZE:] = True
    image = np.zeros((1, *half.shape), np.float32)
    one = tile(0, image=image, instances=np.zeros(half.shape, np.int32), annotated=half)
    drawn = crops_of([one]).draw(24, STILL, Randomness(0, CPU))
    assert drawn.known.any()
    assert not drawn.known.all()


def test_known_share_is_that_of_the_best_crop() -> None:
    maps = np.zeros((2, 40, 100), np.float32)
    maps[-1, :, :50] = 1
    assert known_share(maps, 32) == 1
    assert known_share(maps, 100) == pytest.approx(0.5)
    maps[-1] = 1
    assert known_share(maps, 32) == 0


def test_an_edge_that_the_tile_cuts_belongs_to_its_object() -> None:
    ids = np.zeros((8, 8), np.int32)
    ids[:, :4] = 1
    known = np.ones((8, 8), bool)
    known[:, 0] = False
    ids[7, 7] = -1
    one = tile(0, image=np.zeros((1, 8, 8), np.float32), instances=ids, annotated=known)
    objects, unknown = region_maps(one, 1, "instances", "inner")
    assert objects[:, :4].all()
    assert objects.sum() == 32
    assert unknown.sum() == 1
    assert sizes_of(np.stack([objects, unknown])) == pytest.approx((32 / 63,))


def test_maps_of_classes_are_one_each() -> None:
    ids = np.zeros((8, 8), np.int32)
    ids[:2], ids[2:5] = 1, 2
    one = tile(
        0,
        image=np.zeros((1, 8, 8), np.float32),
        instances=ids,
        annotated=np.ones((8, 8), bool),
        classes={1: 1, 2: 2},
    )
    maps = region_maps(one, 3, "semantic", "inner")
    assert maps.shape == (4, 8, 8)
    assert sizes_of(maps) == pytest.approx((2 / 8, 3 / 8, 0))


def test_sizes_of_a_tile_that_is_half_known_are_unknown() -> None:
    maps = np.zeros((2, 8, 8), np.float32)
    maps[-1, :4] = 1
    assert sizes_of(maps) is None


# -- the fit ------------------------------------------------------------------------


def test_least_squares_find_a_linear_law() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 6, generator=generator) * torch.tensor([1, 2, 5, 0.1, 1, 3])
    weight = torch.randn(6, 2, generator=generator)
    y = x @ weight + torch.tensor([0.3, -2.0])
    both = Moments.of(x[:200], y[:200]) + Moments.of(x[200:], y[200:])
    found, bias = both.solve(1e-9)
    assert torch.allclose(found, weight, atol=1e-4)
    assert bias.tolist() == pytest.approx([0.3, -2.0], abs=1e-4)


def test_features_that_never_change_do_no_harm() -> None:
    x = torch.ones(10, 3)
    weight, bias = Moments.of(x, torch.full((10, 1), 0.25)).solve(0.01)
    assert (x[:1] @ weight + bias).item() == pytest.approx(0.25, abs=1e-5)


def test_counting_learns_sizes_of_discs() -> None:
    tiles = [tile(seed) for seed in range(4)]
    counting = regressor()
    pairs = drained(
        fit_counting(
            counting,
            crops_of(tiles),
            [[0], [1], [2], [3]],
            RegressorSettings(crops=32),
            Randomness(0, CPU),
        )
    )
    predicted = torch.cat([p for p, _ in pairs])
    true = torch.cat([t for _, t in pairs])
    assert len(true) >= 16
    assert ((predicted - true).abs().mean() / true.mean()).item() < 0.15
    image, ids = discs(9)
    asked = counting(torch.from_numpy(image)[None])
    assert asked.item() == pytest.approx((ids > 0).mean(), abs=0.1)


def test_nobody_judges_a_single_part() -> None:
    pairs = drained(
        fit_counting(
            regressor(),
            crops_of([tile(0)]),
            [[0]],
            RegressorSettings(crops=8),
            Randomness(0, CPU),
        )
    )
    assert pairs == []


def test_parts_keep_tiles_of_an_image_together() -> None:
    ids = ["a", "b", "a", "c", "d", "b"]
    tiles = [tile(n, image_id=name) for n, name in enumerate(ids)]
    assert parts_of(tiles, 2) == [[0, 2, 3], [1, 4, 5]]
    assert parts_of(tiles, 9) == [[0, 2], [1, 5], [3], [4]]
    one_image = [tile(n, image_id="a") for n in range(3)]
    assert parts_of(one_image, 5) == [[0], [1], [2]]
    assert parts_of([tile(0)], 5) == [[0]]


def test_the_trained_one_counts_pixels_of_the_papers_images() -> None:
    made = regressor("trained")
    with torch.no_grad():
        made.linear.weight.zero_()
        made.linear.bias.fill_(PIXELS / 4)
        found = made.eval()(torch.zeros(2, 1, SIZE, SIZE))
    assert found.flatten().tolist() == [0.25, 0.25]
    assert all(p.requires_grad for p in made.parameters())


def test_counting_leaves_the_encoder_as_it_is() -> None:
    made = regressor().train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    made(torch.rand(2, 1, SIZE, SIZE))
    assert not any(p.requires_grad for p in made.parameters())
    assert all(torch.equal(v, before[k]) for k, v in made.state_dict().items())


def test_another_encoder_can_be_chosen() -> None:
    network, _ = build_network(
        NetworkSettings(encoder="resnet18", weights="none"), 2, 3
    )
    chosen = RegressorSettings(encoder="mobilenet_v2", weights="none")
    made = make_regressor(network, chosen, 2, 0)
    assert made(torch.rand(3, 2, SIZE, SIZE)).shape == (3, 2)
    with pytest.raises(SemisegError, match="no encoder named"):
        make_regressor(network, RegressorSettings(encoder="nothing"), 2, 0)


# -- what is made of its error --------------------------------------------------------


def test_bounds_are_as_wide_as_the_error() -> None:
    true = [[0.2, 0.1], [0.4, 0.1]]
    predicted = [[0.26, 0.1], [0.4, 0.2]]
    found = judge(predicted, true, ("cell", "nucleus"), CurriculumStageSettings())
    assert found.relative_error == pytest.approx((0.1, 0.5))
    assert found.gamma == pytest.approx((0.15, 0.75))
    assert found.least == pytest.approx((0.03, 0.05))
    assert found.used == (True, True)


def test_a_good_regressor_has_the_papers_gamma() -> None:
    found = judge([[0.2]], [[0.2]], ("cell",), CurriculumStageSettings())
    assert (found.gamma, found.least, found.used) == ((0.1,), (0.005,), (True,))


def test_a_useless_regressor_switches_its_class_off_and_says_so() -> None:
    found = judge(
        [[0.5, 0.2]], [[0.2, 0.2]], ("cell", "dirt"), CurriculumStageSettings()
    )
    assert found.used == (False, True)
    assert "size of cell is not bounded" in found.sentence
    assert "150%" in found.sentence
    assert "size of dirt is predicted" in found.sentence


def test_a_class_that_nobody_shows_has_no_bounds() -> None:
    found = judge([[0.1]], [[0.0]], ("cell",), CurriculumStageSettings())
    assert (found.relative_error, found.used) == ((None,), (False,))
    assert "No tile that judges the sizes shows cell" in found.sentence


def test_a_judgement_survives_a_checkpoint() -> None:
    found = judge([[0.1]], [[0.2]], ("cell",), CurriculumStageSettings())
    as_lists = {
        k: list(v) if isinstance(v, tuple) else v for k, v in found.state().items()
    }
    assert Judgement.of_state(as_lists) == found


# -- bounds that are typed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nucleus 10-25", {"nucleus": (0.1, 0.25)}),
        ("10 - 25 %", {"": (0.1, 0.25)}),
        ("nucleus: 10 to 25, cell body 0.5-100", None),
        ("between 2 and 3 %", {"": (0.02, 0.03)}),
        ("nucleus between 2 and 3 %", {"nucleus": (0.02, 0.03)}),
        ("cd8 5\u20137.5%", {"cd8": (0.05, 0.075)}),
    ],
)
def test_bounds_are_read(text: str, expected) -> None:
    if expected is None:
        expected = {"nucleus": (0.1, 0.25), "cell body": (0.005, 1.0)}
    found = parse(text)
    assert list(found) == list(expected)
    for name, pair in expected.items():
        assert found[name] == pytest.approx(pair)


@pytest.mark.parametrize(
    "text", ["", "nucleus", "nucleus 25-10", "a 1-2, a 3-4", "a 10-200"]
)
def test_bounds_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bounds"):
        parse(text)


def test_a_table_of_bounds_becomes_text() -> None:
    assert as_text({"nucleus": [10, 25], "b": [0.5, 1]}) == "nucleus 10-25, b 0.5-1"
    with pytest.raises(ValueError, match="two percentages"):
        as_text({"nucleus": 10})


def test_bounds_belong_to_classes() -> None:
    assert typed("b 10-20", ("a", "b")) == [None, (0.1, 0.2)]
    assert typed("10-20", ("a",)) == [(0.1, 0.2)]
    with pytest.raises(SemisegError, match="c is no class here"):
        typed("c 10-20", ("a", "b"))
    with pytest.raises(SemisegError, match="without a name"):
        typed("10-20", ("a", "b"))
