"""ImageNet weights of encoders, from the cache of huggingface_hub or its host."""

from __future__ import annotations

import contextlib
import functools
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import timm
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = "model.safetensors"
PROBE_SECONDS = 3.0  # Without it, a download without internet gives up after 24 s.


class WeightsUnavailableError(SemisegError):
    """Pretrained weights do not exist for an encoder, or cannot be reached."""


def imagenet_file(
    encoder: str,
    *,
    announce: Callable[[str], None] | None = None,
    cache: Path | None = None,
    endpoint: str | None = None,
) -> Path:
    """The file of an encoder's ImageNet weights, from the cache or downloaded into it.

    Parameters
    ----------
    encoder
        Name in segmentation-models-pytorch.
    announce
        Called with a sentence before the download.
    cache
        Folder of the downloads; None is that of huggingface_hub.
    endpoint
        Address of the host; None is that of huggingface_hub.

    Raises
    ------
    WeightsUnavailableError
        When there are no such weights, or the host cannot be reached.
    """
    if known := cached_imagenet_file(encoder, cache):
        return known
    repository, revision = _imagenet_address(encoder)
    fetch = functools.partial(
        hf_hub_download,
        repository,
        _FILE,
        revision=revision,
        cache_dir=cache,
        endpoint=endpoint,
    )
    host = endpoint or constants.ENDPOINT
    if constants.HF_HUB_OFFLINE:
        raise WeightsUnavailableError(
            _unreachable(encoder, "HF_HUB_OFFLINE forbids it")
        )
    silent = f"{host} does not answer"
    if not _reachable(host):
        raise WeightsUnavailableError(_unreachable(encoder, silent))
    if announce is not None:
        announce(f"Downloading ImageNet weights of {encoder} from {host}/{repository}.")
    try:
        return Path(fetch())
    except (OSError, HfHubHTTPError) as error:
        # Without a connection the hub raises a kind of OSError: no fault of the disk.
        raise WeightsUnavailableError(_unreachable(encoder, silent)) from error


def cached_imagenet_file(encoder: str, cache: Path | None = None) -> Path | None:
    """The file of an encoder's ImageNet weights if it was downloaded before.

    Raises
    ------
    WeightsUnavailableError
        When there are no such weights.
    """
    repository, revision = _imagenet_address(encoder)
    with contextlib.suppress(LocalEntryNotFoundError):
        return Path(
            hf_hub_download(
                repository,
                _FILE,
                revision=revision,
                cache_dir=cache,
                local_files_only=True,
            )
        )
    return None


def _imagenet_address(encoder: str) -> tuple[str, str | None]:
    """Repository and revision of the ImageNet weights on the Hugging Face hub."""
    if encoder.startswith("tu-"):
        description = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
        repository = getattr(description, "hf_hub_id", None)
        if repository:
            return str(repository), None
    else:
        offers = smp_encoders[encoder]["pretrained_settings"]
        for name in ("imagenet", *sorted(offers)):
            if name in offers and name.startswith("imagenet"):
                return offers[name]["repo_id"], offers[name]["revision"]
    raise WeightsUnavailableError(
        f"There are no ImageNet weights for the encoder {encoder}. "
        "Choose another encoder, or random weights (none)."
    )


def _reachable(address: str) -> bool:
    """Whether a host answers within `PROBE_SECONDS`."""
    answered: list[bool] = []

    def probe() -> None:
        request = urllib.request.Request(address, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answered.append(True)
        except urllib.error.HTTPError:
            answered.append(True)  # It answers, if only to complain.
        except OSError:
            pass

    # A name server that is silent ignores the time-out of the request.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answered)


def _unreachable(encoder: str, reason: str) -> str:
    return (
        f"The ImageNet weights of the encoder {encoder} cannot be downloaded: "
        f"{reason}. Connect to the internet, or name a file of weights."
    )
