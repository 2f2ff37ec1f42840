"""Sample data for napari's menu *File > Open Sample*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_semiseg.samples.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LayerTuple: TypeAlias = tuple[NDArray[Any], dict[str, Any], str]

_SEED = 7


def sparse_nuclei() -> list[LayerTuple]:
    """Nuclei with little contact: an image layer and its truth.

    Returns
    -------
    list of (array, layer attributes, layer type)
        uint16 (512, 512) and int32 (512, 512).
    """
    return _layers("sparse nuclei", crowding=0.1)


def crowded_nuclei() -> list[LayerTuple]:
    """Touching nuclei in a dim, noisy exposure: an image layer and its truth.

    Returns
    -------
    list of (array, layer attributes, layer type)
        uint16 (512, 512) and int32 (512, 512).
    """
    return _layers("crowded nuclei", crowding=0.9, noise=2.0, background=0.15)


def _layers(
    name: str, *, crowding: float, noise: float = 1.0, background: float = 0.08
) -> list[LayerTuple]:
    image, instances = synthetic_nuclei(
        np.random.default_rng(_SEED),
        (512, 512),
        crowding=crowding,
        noise=noise,
        background=background,
    )
    return [
        (image, {"name": name, "colormap": "gray"}, "image"),
        (instances, {"name": f"{name}: truth", "visible": False}, "labels"),
    ]
