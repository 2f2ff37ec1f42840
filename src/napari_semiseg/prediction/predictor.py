"""A model at work: probabilities, confidence, classes and instances of images."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.prediction.predict import predict_probability
from napari_semiseg.prediction.prediction import Prediction
from napari_semiseg.prediction.rescale import RescaledSource, resample
from napari_semiseg.segmentation.object_classes import vote
from napari_semiseg.segmentation.watershed import (
    Thresholds,
    connected_components,
    instances_from_probability,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.model import Model

_GPU_BATCH = 8


class Predictor:
    """Predicts images with one model on one device.

    Parameters
    ----------
    model
        Is moved to the device.
    device
        None: where the model lies.
    batch
        Tiles at once; None: 1 on a CPU, which gains nothing from more, 8 on a GPU.
        Halved when the memory of the GPU does not suffice.
    """

    def __init__(
        self,
        model: Model,
        device: torch.device | None = None,
        *,
        batch: int | None = None,
    ) -> None:
        self.model = model if device is None else model.to(device)
        on_gpu = self.model.device.type != "cpu"
        self.batch = batch or (_GPU_BATCH if on_gpu else 1)

    def probability(
        self,
        source: ImageSource,
        region: Box | None = None,
        *,
        rescale: tuple[float, ...] | None = None,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Class probabilities of a region, on the model's tile grid.

        Parameters
        ----------
        source
            The normalised image.
        region
            None: the whole image.
        rescale
            Enlarge the image by these factors for the network, see `rescale_factors`;
            the result has the image's own pixels again.
        progress, should_stop, out
            As in `predict_probability`.

        Returns
        -------
        NDArray
            float32 ``(K, *region.size)``.

        Raises
        ------
        SemisegError
            When the image has another number of channels than the model, the region is
            not inside it, or a single tile does not fit into the GPU.
        """
        return self._result(
            self.model.probabilities,
            source,
            region,
            rescale,
            progress,
            should_stop,
            out,
        )

    def all_probabilities(
        self,
        source: ImageSource,
        region: Box | None = None,
        *,
        rescale: tuple[float, ...] | None = None,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """The same with those of the objects' classes; float32 ``(K + N, *S)``.

        N is 0 where the model does not tell them apart.
        """
        forward = self.model.all_probabilities
        return self._result(
            forward, source, region, rescale, progress, should_stop, None
        )

    def _result(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        source: ImageSource,
        region: Box | None,
        rescale: tuple[float, ...] | None,
        progress: Callable[[int, int], None] | None,
        should_stop: Callable[[], bool] | None,
        out: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        self._check_channels(source)
        region = region or Box.whole(source.shape)
        predict = functools.partial(
            self._predict, forward, progress=progress, should_stop=should_stop
        )
        if rescale is None or all(factor == 1 for factor in rescale):
            return predict(source, region=region, out=out)
        scaled = RescaledSource(source, rescale)
        result = resample(
            lambda box: predict(scaled, region=box), region, scaled.shape, source.shape
        )
        if out is None:
            return result
        out[...] = result
        return out

    def instances(self, probability: NDArray[np.float32]) -> NDArray[np.int32]:
        """Objects in probabilities ``(K, *S)``, with the model's thresholds.

        Returns
        -------
        NDArray
            int32 ``(*S)``: 0 background, objects 1, 2, ... n. For a semantic model:
            connected pieces of one class.
        """
        card = self.model.card
        if card.task == "semantic":
            return connected_components(probability.argmax(0), min_size=card.min_size)
        return instances_from_probability(
            probability,
            Thresholds(*card.thresholds),
            min_size=card.min_size,
            form=card.watershed_form,
        )

    def predict(
        self,
        source: ImageSource,
        region: Box | None = None,
        *,
        rescale: tuple[float, ...] | None = None,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Prediction:
        """All there is to say about a region; parameters as in `probability`.

        Objects are found within the region: one that its border cuts ends there.
        """
        found = self.all_probabilities(
            source, region, rescale=rescale, progress=progress, should_stop=should_stop
        )
        n_classes = self.model.card.n_classes
        probability = found[:n_classes]
        instances = self.instances(probability)
        return Prediction(
            probability=probability,
            confidence=probability.max(axis=0),
            instances=instances,
            classes=probability.argmax(axis=0).astype(np.uint8),
            region=region or Box.whole(source.shape),
            object_classes=vote(instances, found[n_classes:]),
        )

    def _predict(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        source: ImageSource,
        *,
        region: Box,
        progress: Callable[[int, int], None] | None,
        should_stop: Callable[[], bool] | None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        card = self.model.card
        while True:
            try:
                return predict_probability(
                    forward,
                    source,
                    region=region,
                    tile=card.tile_size,
                    margin=card.tile_margin,
                    batch=self.batch,
                    device=self.model.device,
                    progress=progress,
                    should_stop=should_stop,
                    out=out,
                )
            except torch.OutOfMemoryError as error:
                if self.batch == 1:
                    raise SemisegError(
                        "The memory of the GPU is too small for one tile: close other "
                        "programs that use it, or predict on the CPU."
                    ) from error
            # Outside of the handler, whose traceback would keep the tensors alive.
            self.batch //= 2
            torch.cuda.empty_cache()

    def _check_channels(self, source: ImageSource) -> None:
        wanted = self.model.card.n_channels
        if source.n_channels != wanted:
            raise SemisegError(
                f"The model was trained on images of {wanted} channel(s), but this one "
                f"has {source.n_channels}: choose the same channels as in training."
            )
