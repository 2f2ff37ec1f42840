"""Settings of augmentation, and the kinds of values that settings have."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Ge(1)]
Positive = Annotated[float, Gt(0)]


class Frozen(BaseModel):
    """A frozen value that refuses unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IntensitySettings(Frozen):
    """Strong intensity augmentation, drawn anew for every sample (ACTIS 3.1: t_int)."""

    strength: Annotated[float, Interval(ge=0, le=2)] = Field(
        1.0, description="Scale of gain, offset, per-channel gain and noise"
    )
    probability: Fraction = Field(
        0.75, description="Chance of each of jitter, blur and noise, per sample"
    )
    gamma: Annotated[float, Interval(ge=1, le=4)] = Field(
        1.5, description="Gamma is drawn log-uniformly from 1/gamma to gamma"
    )
    blur: Annotated[float, Interval(ge=0, le=10)] = Field(
        2.0, description="Largest sigma of the Gaussian blur, pixels (smallest: 0.1)"
    )
    noise: Annotated[float, Interval(ge=0, le=1)] = Field(
        0.2,
        description="Largest standard deviation of additive noise, "
        "fraction of the normalised range",
    )
    poisson: Annotated[float, Interval(ge=0, le=1)] = Field(
        0.0,
        description="Largest standard deviation of photon noise where the image is "
        "brightest, fraction of the normalised range; 0 switches it off",
    )


class GeometrySettings(Frozen):
    """Affine and elastic augmentation of the supervised stage (ACTIS 3.2)."""

    rotation: Annotated[float, Interval(ge=0, le=180)] = Field(
        180.0, description="Largest rotation, degrees"
    )
    scale: Annotated[float, Interval(ge=1, le=4)] = Field(
        1.5, description="Zoom is drawn log-uniformly from 1/scale to scale"
    )
    shear: Annotated[float, Interval(ge=0, le=1)] = Field(
        0.2, description="Largest shear"
    )
    translation: Fraction = Field(
        0.1, description="Largest shift, fraction of the tile's side"
    )
    elastic: Annotated[float, Interval(ge=0, le=20)] = Field(
        2.0, description="Standard deviation of the elastic displacement, pixels"
    )
    elastic_sigma: Annotated[float, Interval(ge=2, le=64)] = Field(
        8.0, description="Smoothness of the elastic displacement, pixels"
    )
    probability: Fraction = Field(
        0.75, description="Chance of the affine and of the elastic part, per sample"
    )
