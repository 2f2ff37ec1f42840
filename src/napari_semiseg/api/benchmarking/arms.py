"""The arms of a benchmark: a name, a method, and what is changed in its settings."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import METHODS, make_settings, merge
from napari_semiseg.learning.settings import Preset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari_semiseg.learning.settings import Settings

REFERENCE_METHOD = "supervised"
_OUTSIDE_BRACKETS = re.compile(r",(?![^\[\](){}]*[\])}])")


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes
    ----------
    name
        In tables.
    method, preset
        Of the settings.
    changes
        What differs from the preset, nested as the settings are.
    against
        Name of the arm it is compared with; None: the benchmark's reference.
    """

    name: str
    method: str
    preset: Preset = "default"
    changes: Mapping[str, Any] = field(default_factory=dict)
    against: str | None = None

    @property
    def stem(self) -> str:
        """The name as part of a file's name."""
        return re.sub(r"[^\w.+]+", "-", self.name).strip("-")

    def settings(self, common: Mapping[str, Any]) -> Settings:
        """Its settings; its own changes win over those common to all arms.

        Raises
        ------
        SemisegError
            When the method is unknown or refuses a value; names the arm.
        """
        if self.method not in METHODS:
            raise SemisegError(
                f"The arm {self.name} wants the method {self.method}, which is not "
                f"here: choose among {', '.join(METHODS)}, or leave that arm out."
            )
        try:
            return make_settings(self.method, self.preset, merge(common, self.changes))
        except SemisegError as error:
            raise SemisegError(f"The arm {self.name}: {error}") from error


def arms_of_methods(names: Iterable[str]) -> list[Arm]:
    """One arm a method, named like it, with its preset `default`."""
    return [Arm(name, name) for name in names]


def usual_methods() -> list[str]:
    """All methods, the reference first."""
    others = [name for name in METHODS if name != REFERENCE_METHOD]
    return [REFERENCE_METHOD, *others]


def parse_arm(text: str) -> Arm:
    """Read ``NAME=METHOD,key=value,...``.

    Keys are those of the settings with dots between groups, ``preset``, or
    ``against``; values are written as in JSON, words without quotes.

    Raises
    ------
    SemisegError
        When it is not of this form.
    """
    head, *parts = _OUTSIDE_BRACKETS.split(text)
    name, equals, method = (word.strip() for word in head.partition("="))
    if not equals or not name or not method:
        raise SemisegError(
            f"{text!r} is no arm: give NAME=METHOD,key=value, such as "
            "nofilter=actis,consistency.filtering=false."
        )
    values: dict[str, Any] = {"method": method}
    changed: list[str] = []
    for part in parts:
        key, _, value = (word.strip() for word in part.partition("="))
        if key in ("preset", "against"):
            values[key] = value
        else:
            changed.append(part)
    try:
        return _arm(name, {**values, "settings": parse_changes(changed)})
    except SemisegError as error:
        raise SemisegError(f"The arm {name}: {error}") from error


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Read ``key=value``, keys with dots between groups, as nested settings.

    Raises
    ------
    SemisegError
        When one is not of this form.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (word.strip() for word in text.partition("="))
        if not equals or not key:
            raise SemisegError(f"{text.strip()!r} is not key=value.")
        changes = merge(changes, _nested(key.split("."), _value(value)))
    return changes


def read_arms(path: Path, suites: Iterable[str] = ()) -> list[Arm]:
    """The arms of a TOML file such as ``benchmarks/papers.toml``.

    ::

        [actis.arms."no filter"]
        method = "actis"
        settings = { consistency = { filtering = false } }

    Parameters
    ----------
    suites
        Names of the tables at the top, here ``actis``; none: all of them.

    Raises
    ------
    SemisegError
        When the file cannot be read, or has no such table.
    """
    content = _read(path)
    wanted = list(suites) or list(content)
    for suite in wanted:
        if suite not in content:
            raise SemisegError(
                f"{path.name} has no table {suite}: choose among {', '.join(content)}."
            )
    arms: list[Arm] = []
    for suite in wanted:
        for name, values in content[suite].get("arms", {}).items():
            arm = _arm(name, values)
            if arm not in arms:  # Suites may share an arm.
                arms.append(arm)
    if not arms:
        raise SemisegError(f"{path.name} lists no arm.")
    return arms


def check_arms(arms: Iterable[Arm]) -> None:
    """Refuse arms that share a name, or compare with one that is not there.

    Raises
    ------
    SemisegError
        With what to do about it.
    """
    known = list(arms)
    stems: dict[str, str] = {}
    for arm in known:
        if (other := stems.setdefault(arm.stem, arm.name)) != arm.name or (
            sum(one.name == arm.name for one in known) > 1
        ):
            raise SemisegError(
                f"Two arms are called {other}: give each a name of its own."
            )
    for arm in known:
        if arm.against is not None and arm.against not in stems.values():
            raise SemisegError(
                f"The arm {arm.name} is compared with {arm.against}, which is no arm "
                "of this benchmark."
            )


def reference_of(arm: Arm, arms: Iterable[Arm]) -> Arm | None:
    """What an arm is compared with: ``against``, else the first supervised arm.

    None for the reference itself, and where there is none.
    """
    known = list(arms)
    if arm.against is not None:
        return next(one for one in known if one.name == arm.against)
    found = next((one for one in known if one.method == REFERENCE_METHOD), known[0])
    return None if found == arm else found


def _arm(name: str, values: Mapping[str, Any]) -> Arm:
    unknown = set(values) - {"method", "preset", "settings", "against"}
    if unknown or not isinstance(values.get("method"), str):
        reason = (
            f"it has no key {', '.join(sorted(unknown))}"
            if unknown
            else "its method is missing"
        )
        raise SemisegError(f"The arm {name} cannot be used: {reason}.")
    preset = values.get("preset", "default")
    if preset not in get_args(Preset):
        raise SemisegError(f"The arm {name}: choose the preset default or paper.")
    return Arm(
        name,
        values["method"],
        preset,
        values.get("settings", {}),
        values.get("against"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise SemisegError(f"The arms in {path} cannot be read: {error}.") from error


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    return {keys[0]: value if len(keys) == 1 else _nested(keys[1:], value)}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
