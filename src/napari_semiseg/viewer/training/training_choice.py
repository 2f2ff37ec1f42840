"""What a project remembers of how its user trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.learning.settings import Preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from napari_semiseg.learning.settings import Settings

_KEY = "training"  # Under the settings of the project.


class How(TypedDict, total=False):
    """Fields of `TrainingChoice` beside those that settings stand for."""

    minutes: float | None
    device: str
    start: str
    compare: bool
    cross_validate: bool


class TrainingChoice(BaseModel):
    """How to train; kept in the project.

    Attributes
    ----------
    method, preset
        Which settings to begin with.
    changes
        What differs from them, nested like the settings.
    minutes
        How long; None: the steps of the settings.
    device
        ``auto``, or the name of a device.
    start
        ``last`` (from scratch where no model is in use), ``scratch``, or the name of
        a run.
    compare
        Whether to train from the labels alone afterwards, and compare. It is not kept:
        it costs as much again.
    cross_validate
        Whether the model is cross-validated where there are no validation tiles.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: str = next(iter(METHODS))
    preset: Preset = "default"
    changes: dict[str, Any] = {}
    minutes: float | None = Field(5.0, gt=0)
    device: str = "auto"
    start: str = "last"
    compare: bool = Field(False, exclude=True)
    cross_validate: bool = False

    @classmethod
    def remembered(cls, settings: Mapping[str, JsonValue]) -> TrainingChoice:
        """The choice among a project's settings, the usual one where there is none."""
        try:
            choice = cls.model_validate(settings.get(_KEY) or {})
            choice.settings()
        except (ValidationError, SemisegError):
            # Written by another version: a usual choice is better than none.
            return cls()
        return choice

    @classmethod
    def of(cls, settings: Settings, **how: Unpack[How]) -> TrainingChoice:
        """The choice that stands for settings; by itself with their own steps."""
        usual = make_settings(settings.name, settings.preset)
        return cls(
            method=settings.name,
            preset=settings.preset,
            changes=differences(
                usual.model_dump(mode="json"), settings.model_dump(mode="json")
            ),
            **{"minutes": None, **how},
        )

    def settings(self) -> Settings:
        """The settings it stands for.

        Raises
        ------
        SemisegError
            When the method is not known, or a value is refused.
        """
        return make_settings(self.method, self.preset, self.changes)

    def entry(self) -> dict[str, JsonValue]:
        """For `Project.update_settings`."""
        return {_KEY: self.model_dump(mode="json")}


def differences(usual: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The values of ``chosen`` that are not those of ``usual``, group by group."""
    found: dict[str, Any] = {}
    for name, value in chosen.items():
        old = usual.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := differences(old, value):
                found[name] = inner
        elif value != old:
            found[name] = value
    return found
