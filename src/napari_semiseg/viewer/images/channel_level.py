"""One channel of one level of a pyramid, as napari reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ChannelLevel:
    """One channel of a level ``(C, Y, X)``, or its colours last; read lazily."""

    def __init__(self, level: Any, channel: int | None) -> None:
        self._level, self._channel = level, channel
        n_channels, *size = level.shape
        self.shape = tuple(size) if channel is not None else (*size, n_channels)
        self.ndim = len(self.shape)
        self.dtype = np.dtype(level.dtype)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, index: Any) -> NDArray[Any]:
        cuts = index if isinstance(index, tuple) else (index,)
        cuts = tuple(cut for cut in cuts if cut is not Ellipsis)
        if self._channel is not None:
            return np.asarray(self._level[(self._channel, *cuts)])
        pixels = np.asarray(self._level[(slice(None), *cuts[:2])])
        colours = np.moveaxis(pixels, 0, -1)
        return colours[(..., *cuts[2:])] if cuts[2:] else colours

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[(slice(None),) * self.ndim], dtype=dtype)
