"""Where the bounds of sizes come from: a regressor, the user, or the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from napari_semiseg.learning.devices import place_images, precision
from napari_semiseg.learning.size_bands import Band
from napari_semiseg.learning.size_crops import (
    LEAST_KNOWN,
    SizeCrops,
    known_share,
    region_maps,
)
from napari_semiseg.learning.size_fitting import fit_counting, parts_of, predictions
from napari_semiseg.learning.size_judgement import Judgement, judge
from napari_semiseg.learning.size_regressor import (
    CountingRegressor,
    Regressor,
    make_regressor,
)
from napari_semiseg.learning.typed_bounds import region_names, typed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from torch import Tensor

    from napari_semiseg.learning.curriculum_settings import CurriculumSettings
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.sampling import UnlabelledBatch
    from napari_semiseg.learning.size_fitting import Pairs
    from napari_semiseg.learning.size_report import Origin
    from napari_semiseg.learning.training_set import LabelledTile

REGRESSOR = "regressor"
"""Under which name a trained regressor is handed on."""


class Bounds(Protocol):
    """What every source of bounds can say."""

    origin: Origin
    judgement: Judgement

    def prepare(self) -> Iterator[str]:
        """Learn what is to be learned, a part between two sentences."""
        ...

    def predicted(self, drawn: UnlabelledBatch) -> Tensor | None:
        """Sizes that are thought true, ``(B, R)``; None: bounds alone are known."""
        ...

    def band(self, drawn: UnlabelledBatch, predicted: Tensor | None) -> Band:
        """Bounds of the sizes in unlabelled tiles, ``(B, R)``."""
        ...

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        ...


class TypedBounds:
    """What the user has typed: the same for all tiles."""

    origin: Origin = "typed"

    def __init__(self, tools: Equipment, settings: CurriculumSettings) -> None:
        names = region_names(tools.training_set)
        pairs = typed(settings.bounds or "", names)
        self.judgement = Judgement(
            (None,) * len(names),
            (0.0,) * len(names),
            (0.0,) * len(names),
            tuple(pair is not None for pair in pairs),
            _said(names, pairs),
        )
        both = torch.tensor([pair or (0.0, 1.0) for pair in pairs], device=tools.device)
        self._low, self._high = both.unbind(1)

    def prepare(self) -> Iterator[str]:
        """Nothing is to be learned."""
        yield from ()

    def predicted(self, drawn: UnlabelledBatch) -> None:
        """Nobody has predicted anything."""
        return

    def band(self, drawn: UnlabelledBatch, predicted: Tensor | None) -> Band:
        """The typed bounds, for every tile."""
        n = len(drawn.image)
        return Band(self._low.expand(n, -1), self._high.expand(n, -1))

    def state(self) -> dict[str, Any]:
        """Nothing that the settings do not say."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing."""


class TrueBounds:
    """The paper's Oracle: bounds around the true sizes, which a benchmark knows."""

    origin: Origin = "oracle"

    def __init__(self, tools: Equipment, settings: CurriculumSettings) -> None:
        self.images = tools.unlabelled.images
        self.device = tools.device
        stage = settings.curriculum
        names = region_names(tools.training_set)
        said = f"Sizes may differ by {stage.gamma:.0%} from the truth, which is known."
        self.judgement = Judgement.fixed(stage, len(names), said)

    def prepare(self) -> Iterator[str]:
        """Nothing is to be learned."""
        yield from ()

    def predicted(self, drawn: UnlabelledBatch) -> Tensor:
        """The truth; NaN where it is not known."""
        sizes = []
        for number, box in drawn.places:
            source = self.images[number].sizes
            if source is None:
                raise ValueError("the truth of an unlabelled image is not known")
            sizes.append(source.read(box))
        return torch.from_numpy(np.stack(sizes)).to(self.device)

    def band(self, drawn: UnlabelledBatch, predicted: Tensor | None) -> Band:
        """Around the truth."""
        truth = self.predicted(drawn) if predicted is None else predicted
        return _around(truth.nan_to_num(), self.judgement).where(~truth.isnan())

    def state(self) -> dict[str, Any]:
        """Nothing: the truth is the same for ever."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing."""


class RegressedBounds:
    """Bounds around what a regressor says of the tile, as wide as it errs."""

    origin: Origin = "regressed"

    def __init__(self, tools: Equipment, settings: CurriculumSettings) -> None:
        self.tools = tools
        self.settings = settings
        self.names = region_names(tools.training_set)
        self.regressor: Regressor = make_regressor(
            tools.network, settings.regressor, len(self.names), settings.seed
        )
        if REGRESSOR in tools.handed_on:
            self.regressor.load_state_dict(tools.handed_on[REGRESSOR])
        self.regressor.eval()
        # Before it is prepared a step costs what it will.
        self.judgement = Judgement.fixed(settings.curriculum, len(self.names), "")

    def prepare(self) -> Iterator[str]:
        """Fit the regressor, unless a stage has trained it, and judge it."""
        tools, settings = self.tools, self.settings
        chosen = settings.regressor
        tiles, crops = labelled_crops(tools, settings)
        if crops is None:
            self.judgement = Judgement.none(len(self.names), _NO_TILE)
            return
        pairs: Pairs = []
        if isinstance(self.regressor, CountingRegressor):
            folds = parts_of(tiles, chosen.folds)
            with precision(tools.device):
                pairs = yield from fit_counting(
                    self.regressor, crops, folds, chosen, tools.random
                )
        pairs += yield from self._on_validation_tiles()
        self.judgement = self._judged(pairs)

    def predicted(self, drawn: UnlabelledBatch) -> Tensor:
        """What the regressor says of the very tiles, their intensities as they are."""
        device = self.tools.device
        with torch.no_grad(), precision(device):
            shares: Tensor = self.regressor(place_images(drawn.image, device))
        return shares.float().clamp(0, 1)

    def band(self, drawn: UnlabelledBatch, predicted: Tensor | None) -> Band:
        """Around that."""
        shares = self.predicted(drawn) if predicted is None else predicted
        return _around(shares, self.judgement)

    def state(self) -> dict[str, Any]:
        """Weights of the regressor, and how it was judged."""
        return {
            "weights": self.regressor.state_dict(),
            "judgement": self.judgement.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.regressor.load_state_dict(state["weights"])
        self.judgement = Judgement.of_state(state["judgement"])

    def _on_validation_tiles(self) -> Generator[str, None, Pairs]:
        tools, settings = self.tools, self.settings
        tiles, crops = labelled_crops(tools, settings, role="validation")
        if crops is None:
            return []
        pairs = yield from predictions(
            self.regressor, crops, len(tiles), settings.regressor, tools.random
        )
        return pairs

    def _judged(self, pairs: Pairs) -> Judgement:
        stage = self.settings.curriculum
        if not stage.measured:
            said = f"Sizes may differ by {stage.gamma:.0%} from the predicted ones."
            return Judgement.fixed(stage, len(self.names), said)
        predicted = [row for p, _ in pairs for row in p.tolist()]
        true = [row for _, t in pairs for row in t.tolist()]
        if not true:
            return Judgement.none(len(self.names), _NOBODY_JUDGES)
        return judge(predicted, true, self.names, stage)


def make_bounds(tools: Equipment, settings: CurriculumSettings) -> Bounds:
    """What the settings ask for."""
    if settings.bounds is not None:
        return TypedBounds(tools, settings)
    if settings.source == "oracle":
        return TrueBounds(tools, settings)
    return RegressedBounds(tools, settings)


def labelled_crops(
    tools: Equipment, settings: CurriculumSettings, role: str = "training"
) -> tuple[list[LabelledTile], SizeCrops | None]:
    """Tiles of a role that are annotated almost wholly somewhere, and their crops."""
    known = tools.training_set
    n_regions = len(region_names(known))
    tiles, maps = [], []
    for tile in known.labelled:
        if tile.role != role:
            continue
        found = region_maps(tile, n_regions, known.task, settings.boundary)
        if known_share(found, settings.tile_size) >= LEAST_KNOWN:
            tiles.append(tile)
            maps.append(found)
    if not tiles:
        return [], None
    size, beyond = settings.tile_size, settings.regressor.beyond
    return tiles, SizeCrops(tiles, maps, size, tools.device, beyond)


def _around(value: Tensor, judgement: Judgement) -> Band:
    gamma, least, used = (
        torch.tensor(one, device=value.device)
        for one in (judgement.gamma, judgement.least, judgement.used)
    )
    return Band.around(value, gamma, least).where(used.expand_as(value))


def _said(names: Sequence[str], pairs: Sequence[tuple[float, float] | None]) -> str:
    told = [
        f"{name} {pair[0]:.4g} to {pair[1]:.4g}"
        for name, pair in zip(names, pairs, strict=True)
        if pair is not None
    ]
    return f"Shares of a tile as you have typed them: {', '.join(told)}."


_NO_TILE = (
    "No labelled tile is annotated almost wholly, so that no sizes can be learned, and "
    "unlabelled images are not learned from: finish a tile, or type bounds of sizes."
)
_NOBODY_JUDGES = (
    "Sizes were learned from a single tile, and no other tells how wrong they are: "
    "nothing is bounded by them, and unlabelled images are not learned from. Label a "
    "tile of another image, or type bounds of sizes."
)
