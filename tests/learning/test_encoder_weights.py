from __future__ import annotations

import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import encoders, get_encoder

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning import weights_download
from napari_semiseg.learning.encoder_weights import (
    adapt_first_convolution,
    load_encoder_weights,
    load_weights_file,
)
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network
from napari_semiseg.learning.weights_download import (
    WeightsUnavailableError,
    imagenet_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor, nn

NAME = "mobilenet_v2"
FIRST = "features.0.0.weight"
ADDRESS = encoders[NAME]["pretrained_settings"]["imagenet"]


def encoder(n_channels: int = 3, name: str = NAME) -> nn.Module:
    return get_encoder(name, in_channels=n_channels, weights=None)


@pytest.fixture(scope="module")
def trained() -> dict[str, Tensor]:
    """What a file of pretrained weights holds: the encoder and a classifier."""
    state: dict[str, Tensor] = dict(encoder().state_dict())
    return {**state, "classifier.1.weight": torch.zeros(2, 2)}


@pytest.fixture
def file(trained: dict[str, Tensor], tmp_path: Path) -> Path:
    path = tmp_path / "mobilenet.pth"
    torch.save(trained, path)
    return path


def test_all_tensors_of_a_file_are_loaded(
    file: Path, trained: dict[str, Tensor]
) -> None:
    network = encoder()
    report = load_weights_file(network, file, NAME, "file")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, trained[name]), name
    assert report.loaded == len(network.state_dict())
    assert report.missing == ()
    assert report.unexpected == ("classifier.1.weight",)
    assert "mobilenet.pth" in report.sentence


@pytest.mark.parametrize("n_channels", [1, 2, 4, 5])
def test_channels_are_adapted_as_the_library_does(
    file: Path, trained: dict[str, Tensor], n_channels: int
) -> None:
    expected = encoder()
    expected.load_state_dict(dict(trained))
    expected.set_in_channels(n_channels, pretrained=True)  # type: ignore[operator]
    mine = encoder(n_channels)
    load_weights_file(mine, file, NAME, "file")
    assert torch.equal(mine.state_dict()[FIRST], expected.state_dict()[FIRST])


def test_a_grey_image_answers_as_its_colour_copy() -> None:
    weight = torch.rand(4, 3, 3, 3)
    grey = torch.rand(1, 1, 8, 8)
    for n in (1, 3, 6):
        answer = torch.conv2d(
            grey.expand(1, n, 8, 8), adapt_first_convolution(weight, n)
        )
        colour = torch.conv2d(grey.expand(1, 3, 8, 8), weight)
        torch.testing.assert_close(answer, colour)


@pytest.mark.parametrize("prefix", ["encoder.", "module.", "body.encoder."])
def test_weights_of_a_whole_network_serve_its_encoder(
    trained: dict[str, Tensor], tmp_path: Path, prefix: str
) -> None:
    path = tmp_path / "network.safetensors"
    whole = {prefix + name: tensor for name, tensor in trained.items()}
    save_file(whole, path)
    assert load_weights_file(encoder(), path, NAME, "file").missing == ()


def test_a_checkpoint_that_wraps_its_weights(
    trained: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 3, "state_dict": trained}, path)
    assert load_weights_file(encoder(), path, NAME, "file").missing == ()


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "mobilenetv3_small_100"])
def test_timms_own_files_serve_timms_encoders(name: str, tmp_path: Path) -> None:
    path = tmp_path / "timm.safetensors"
    save_file(timm.create_model(name, pretrained=False).state_dict(), path)
    report = load_weights_file(encoder(1, f"tu-{name}"), path, name, "file")
    assert report.missing == ()


def test_missing_tensors_are_named(trained: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "part.pth"
    torch.save({n: t for n, t in trained.items() if n != FIRST}, path)
    report = load_weights_file(encoder(), path, NAME, "file")
    assert report.missing == (FIRST,)
    assert "1 of its" in report.sentence


def test_another_encoders_file_is_refused(file: Path) -> None:
    with pytest.raises(SemisegError, match="does not hold weights of the encoder"):
        load_weights_file(encoder(name="resnet18"), file, "resnet18", "file")


def test_a_file_that_is_missing_or_damaged(tmp_path: Path, file: Path) -> None:
    with pytest.raises(SemisegError, match="no file of weights"):
        load_weights_file(encoder(), tmp_path / "none.pth", NAME, "file")
    for suffix in (".pth", ".safetensors"):
        damaged = tmp_path / f"damaged{suffix}"
        damaged.write_bytes(file.read_bytes()[:5000])
        with pytest.raises(SemisegError, match="damaged"):
            load_weights_file(encoder(), damaged, NAME, "file")


def test_a_file_executes_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (tmp_path.joinpath("executed").touch, ())

    path = tmp_path / "trap.pth"
    path.write_bytes(pickle.dumps({"weight": Trap()}))
    with pytest.raises(SemisegError):
        load_weights_file(encoder(), path, NAME, "file")
    assert not (tmp_path / "executed").exists()


def test_a_network_is_built_from_a_file(file: Path) -> None:
    settings = NetworkSettings(encoder=NAME, weights=str(file))
    network, report = build_network(settings, 1, 3)
    stored = torch.load(file, weights_only=True)[FIRST]
    first = network.state_dict()[f"body.encoder.{FIRST}"]
    assert torch.equal(first, stored.sum(1, keepdim=True))
    assert report.source == str(file)


def test_random_weights_are_said_plainly() -> None:
    settings = NetworkSettings(encoder=NAME, weights="none")
    report = load_encoder_weights(encoder(), settings)
    assert report.source == "none"
    assert "random weights" in report.sentence


def test_auto_falls_back_to_random_weights_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    settings = NetworkSettings(encoder=NAME)
    report = load_encoder_weights(encoder(), settings)
    assert report.source == "none"
    assert "cannot be downloaded" in report.sentence
    imagenet = settings.model_copy(update={"weights": "imagenet"})
    with pytest.raises(WeightsUnavailableError, match="name a file of weights"):
        load_encoder_weights(encoder(), imagenet)


def test_weights_in_the_cache_need_no_host(
    tmp_path: Path, trained: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = "models--" + ADDRESS["repo_id"].replace("/", "--")
    snapshot = tmp_path / repository / "snapshots" / ADDRESS["revision"]
    snapshot.mkdir(parents=True)
    save_file(trained, snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    report = load_encoder_weights(encoder(), NetworkSettings(encoder=NAME))
    assert report.source == "imagenet"
    assert report.missing == ()


class Hub(SimpleHTTPRequestHandler):
    """Answers as the host of the weights does, from a local folder."""

    def end_headers(self) -> None:
        self.send_header("X-Repo-Commit", ADDRESS["revision"])
        self.send_header("ETag", '"1234"')
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, trained: dict[str, Tensor]) -> Iterator[str]:
    folder = tmp_path / "hub" / ADDRESS["repo_id"] / "resolve" / ADDRESS["revision"]
    folder.mkdir(parents=True)
    save_file(trained, folder / "model.safetensors")
    handler = partial(Hub, directory=str(tmp_path / "hub"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_weights_are_downloaded_once_and_announced(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    said: list[str] = []
    fetch = partial(imagenet_file, NAME, cache=tmp_path / "cache", endpoint=hub)
    path = fetch(announce=said.append)
    assert load_weights_file(encoder(), path, NAME, "imagenet").missing == ()
    assert len(said) == 1
    assert "mobilenet_v2" in said[0]
    assert hub in said[0]
    assert fetch(announce=said.append) == path
    assert len(said) == 1


def test_a_host_that_does_not_answer_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights_download, "PROBE_SECONDS", 0.2)
    with pytest.raises(WeightsUnavailableError, match="does not answer"):
        imagenet_file(NAME, cache=tmp_path, endpoint="http://127.0.0.1:9")


def test_an_encoder_without_imagenet_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match="There are no ImageNet weights"):
        imagenet_file("tu-resnet200", cache=tmp_path)
