from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.model import (
    CARD_FILE,
    SCHEMA_VERSION,
    STUDENT_FILE,
    WEIGHTS_FILE,
    Model,
    ModelCard,
    TrainedTile,
    read_card,
)
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network
from napari_semiseg.learning.student import load_student

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = torch.rand(2, 2, 33, 40, generator=torch.Generator().manual_seed(0))


def make_model(seed: int = 0, **facts: Any) -> Model:
    settings = NetworkSettings(encoder="mobilenet_v2", weights="none")
    network, _ = build_network(settings, 2, 3, seed=seed)
    card = ModelCard(network=settings, n_channels=2, n_classes=3, **facts)
    return Model(network, card)


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(
        name="nuclei",
        thresholds=(0.4, 0.6),
        pixel_size=(0.5, 0.5),
        pixel_unit="um",
        trained_on=(TrainedTile(image_id="a-01", origin=(0, 32), size=(64, 64)),),
        scores={"AP50 on 3 validation tiles": 0.81, "AP50 on test tiles": None},
        ancestors=({"name": "older"},),
    )


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def change_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, **changes}))


def test_probabilities_sum_to_one(model: Model) -> None:
    probabilities = model.probabilities(IMAGE)
    assert probabilities.shape == (2, 3, 33, 40)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 33, 40))


def test_a_model_comes_back_the_same(model: Model, folder: Path) -> None:
    again = Model.load(folder)
    assert again.card == model.card
    assert torch.equal(again.probabilities(IMAGE), model.probabilities(IMAGE))
    assert again.device == torch.device("cpu")


def test_a_model_folder_holds_weights_and_words_only(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {CARD_FILE, WEIGHTS_FILE}


def test_the_student_is_kept_beside_its_model(model: Model, tmp_path: Path) -> None:
    student = make_model(seed=5).network
    Model(model.network, model.card, student).save(tmp_path)

    found = load_student(tmp_path)

    assert found is not None
    assert found.card.thresholds == model.card.thresholds
    torch.testing.assert_close(found.network(IMAGE), student.eval()(IMAGE))
    (tmp_path / STUDENT_FILE).write_bytes(b"torn")
    assert load_student(tmp_path) is None
    # Another model in the same place has not the same student.
    model.save(tmp_path)
    assert not (tmp_path / STUDENT_FILE).exists()


def test_channels_last_weights_can_be_saved(model: Model, tmp_path: Path) -> None:
    other = make_model(seed=3)
    other.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    other.save(tmp_path)
    torch.testing.assert_close(
        Model.load(tmp_path).probabilities(IMAGE), make_model(3).probabilities(IMAGE)
    )


def test_loading_leaves_the_global_random_state_alone(folder: Path) -> None:
    before = torch.get_rng_state()
    Model.load(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_card_speaks_of_its_network() -> None:
    network, _ = build_network(NetworkSettings(weights="none"), 2, 3)
    card = ModelCard(network=NetworkSettings(), n_channels=1, n_classes=7)
    model = Model(network, card)
    assert model.card.network.encoder == "mobilenet_v2"
    assert (model.card.n_channels, model.card.n_classes) == (2, 3)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match=r"no model in .* model\.json"):
        Model.load(tmp_path)


def test_a_newer_model_is_refused(folder: Path) -> None:
    change_card(folder, schema_version=SCHEMA_VERSION + 1, something_new=True)
    with pytest.raises(SemisegError, match="newer version"):
        Model.load(folder)


def test_a_card_that_describes_nothing(folder: Path) -> None:
    change_card(folder, n_channels=0)
    with pytest.raises(SemisegError, match=r"does not describe a model.*n_channels"):
        read_card(folder)


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_a_damaged_card(folder: Path, content: str) -> None:
    (folder / CARD_FILE).write_text(content)
    with pytest.raises(SemisegError, match="damaged"):
        Model.load(folder)


def test_truncated_weights(folder: Path) -> None:
    weights = folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(SemisegError, match="damaged or was copied incompletely"):
        Model.load(folder)


def test_a_card_beside_the_weights_of_another_model(
    folder: Path, tmp_path: Path
) -> None:
    make_model(seed=5).save(tmp_path / "other")
    (tmp_path / "other" / WEIGHTS_FILE).replace(folder / WEIGHTS_FILE)
    with pytest.raises(SemisegError, match="copied incompletely"):
        Model.load(folder)


def test_a_card_of_another_network(folder: Path) -> None:
    change_card(folder, n_classes=4)
    with pytest.raises(SemisegError, match="damaged"):
        Model.load(folder)


@pytest.mark.parametrize(
    "facts", [{"tile_size": 100}, {"tile_margin": 5}, {"n_classes": 1}, {"typo": 1}]
)
def test_impossible_cards_cannot_be_made(facts: dict[str, Any]) -> None:
    needed: dict[str, Any] = {"n_channels": 1, "n_classes": 3}
    with pytest.raises(ValidationError):
        ModelCard(network=NetworkSettings(), **{**needed, **facts})
