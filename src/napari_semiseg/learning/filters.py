"""Other ways to tell which pseudo-labels to trust than ACTIS's percentiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_semiseg.learning.pseudo_labels import PercentileFilter, at_least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_semiseg.learning.fixmatch_st_settings import FixMatchSettings
    from napari_semiseg.learning.pseudo_labels import PseudoLabels
    from napari_semiseg.learning.settings import ConsistencyStageSettings

_FEWEST_PIXELS = 32  # A mean of fewer is noise.


class Filter(Protocol):
    """Keeps, of every class, the pixels from some confidence on."""

    @property
    def thresholds(self) -> Sequence[float | None]:
        """Of each class; None: nothing of it is kept."""
        ...

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Look at a batch; ``valid`` is bool ``(B, *S)``."""
        ...

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of trusted pixels, bool of ``label``'s shape."""
        ...

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        ...


def make_filter(stage: ConsistencyStageSettings, n_classes: int) -> Filter:
    """The filter of the settings."""
    if stage.filter == "fixed":
        return FixedFilter(n_classes, stage.threshold)
    if stage.filter == "adaptive":
        return AdaptiveFilter(n_classes, stage.quantile_decay)
    return PercentileFilter(
        n_classes,
        stage.quantile,
        stage.quantile_decay,
        bias_correction=stage.bias_correction,
    )


class FixedFilter:
    """One confidence for all classes and all times (FixMatch, Eq. 4: tau = 0.95)."""

    def __init__(self, n_classes: int, threshold: float) -> None:
        self.thresholds: list[float | None] = [threshold] * n_classes

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Nothing changes it."""

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of trusted pixels, bool of ``label``'s shape."""
        return at_least(self.thresholds, label, confidence)

    def state(self) -> dict[str, Any]:
        """For a checkpoint: it is all in the settings."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""


class AdaptiveFilter:
    """A threshold that rises with the teacher's confidence, lower for harder classes.

    ``tau_c = m_c / max_k m_k * m``, with running means of the confidence of all pixels,
    ``m``, and of those labelled c, ``m_c`` (FreeMatch, Eqs. 5 to 8). FreeMatch takes
    for ``m_c`` the mean probability of class c over *all* samples; of pixels, most of
    which are background, that would be next to nothing for a thin class whatever the
    teacher knows of it, so that here it is the mean over the pixels labelled c. Means
    start at what is seen first; a class never seen selects nothing.
    """

    def __init__(self, n_classes: int, decay: float) -> None:
        self.decay = decay
        self.overall: float | None = None
        self.means: list[float | None] = [None] * n_classes

    @property
    def thresholds(self) -> list[float | None]:
        """Of each class, None: nothing of it is kept."""
        seen = [mean for mean in self.means if mean is not None]
        if self.overall is None or not seen:
            return [None] * len(self.means)
        overall, highest = self.overall, max(seen)
        return [None if m is None else m / highest * overall for m in self.means]

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Take the mean confidences of a batch into the running means."""
        confidence = pseudo.confidence[valid]
        if len(confidence) < _FEWEST_PIXELS:
            return
        self.overall = self._followed(self.overall, float(confidence.mean()))
        for c in range(len(self.means)):
            of_class = pseudo.confidence[(pseudo.label == c) & valid]
            if len(of_class) >= _FEWEST_PIXELS:
                self.means[c] = self._followed(self.means[c], float(of_class.mean()))

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of trusted pixels, bool of ``label``'s shape."""
        return at_least(self.thresholds, label, confidence)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"overall": self.overall, "means": list(self.means)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.overall = state["overall"]
        self.means = list(state["means"])

    def _followed(self, before: float | None, seen: float) -> float:
        return seen if before is None else before * self.decay + seen * (1 - self.decay)


class CappedFilter:
    """A percentile filter that never asks for more than ``tau``.

    FixMatch has one threshold for all, ``tau``. A thin boundary is seldom that certain:
    all of it would be left out, and objects that touch be taught to merge. Class-wise,
    ``tau_c = min(tau, p_c)`` with ``p_c`` the running percentile of class c's own
    confidences: the more certain share of each class always counts.
    """

    def __init__(self, n_classes: int, settings: FixMatchSettings) -> None:
        self.settings = settings
        self.percentiles = PercentileFilter(
            n_classes,
            settings.quantile,
            settings.quantile_decay,
            bias_correction=True,
        )

    @property
    def thresholds(self) -> list[float]:
        """``tau_c`` of each class; ``tau`` of one not seen yet."""
        highest = self.settings.threshold
        return [
            highest if p is None else min(highest, p)
            for p in self.percentiles.thresholds
        ]

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Take a batch's percentiles into the running mean; bool ``(B, *S)``."""
        if self.settings.class_wise:
            self.percentiles.update(pseudo, valid)

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of the confident pixels, bool of ``label``'s shape."""
        return at_least(self.thresholds, label, confidence)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return self.percentiles.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.percentiles.load_state(state)
