from __future__ import annotations

import pytest
import torch

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning import devices
from napari_semiseg.learning.devices import (
    choose_device,
    cpu_threads,
    list_devices,
    mps_self_test,
    needs_gradient_scaler,
    place,
    place_images,
    precision,
)

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def test_the_cpu_is_always_listed_last_with_its_memory() -> None:
    cpu = list_devices()[-1]
    assert cpu.name == cpu.kind == "cpu"
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert "GiB free" in cpu.words


def test_devices_are_chosen_by_name() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "tpu"])
def test_an_absent_device_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(SemisegError, match=r"choose auto or one of .*cpu"):
        choose_device(name)


def test_auto_prefers_the_gpu_with_most_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: ((i + 1) << 30, 8 << 30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: "A GPU")
    assert choose_device("auto") == torch.device("cuda:1")
    assert choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert list_devices()[1].words == "cuda:1: A GPU, 2.0 of 8.0 GiB free"


@pytest.mark.parametrize("passes", [True, False])
def test_auto_takes_apples_gpu_only_when_it_computes_right(
    monkeypatch: pytest.MonkeyPatch, passes: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(devices, "mps_self_test", lambda: passes)
    assert choose_device("auto").type == ("mps" if passes else "cpu")
    assert choose_device("mps").type == "mps"


def test_the_self_test_passes_on_a_right_device_and_fails_on_an_absent_one() -> None:
    assert mps_self_test(CPU)
    assert not mps_self_test(torch.device("cuda:99"))


def test_the_self_test_fails_on_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([torch.zeros(3), torch.full((3,), 0.1)])
    monkeypatch.setattr(devices, "_one_step", lambda device: next(answers))
    assert not mps_self_test(CPU)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_free(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(devices, "_n_cores", lambda: cores)
    assert cpu_threads() == threads


def test_a_cpu_computes_in_full_precision() -> None:
    with precision(CPU):
        product = torch.rand(2, 2) @ torch.rand(2, 2)
    assert product.dtype == torch.float32
    assert not needs_gradient_scaler(CPU)


def test_nothing_is_copied_on_a_cpu() -> None:
    images = torch.rand(2, 3, 8, 8)
    assert place_images(images, CPU) is images


@needs_cuda
def test_cuda_computes_in_half_precision_and_channels_last() -> None:
    cuda = choose_device("cuda")
    network = torch.nn.Conv2d(4, 4, 3)
    place(network, cuda)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    with precision(cuda):
        answer = network(place_images(torch.rand(2, 4, 8, 8), cuda))
    assert answer.dtype in (torch.float16, torch.bfloat16)
    assert answer.is_contiguous(memory_format=torch.channels_last)
