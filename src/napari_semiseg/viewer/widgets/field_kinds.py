"""What a field of a settings model holds: its kind, its bounds and its words."""

from __future__ import annotations

import re
import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf
from pydantic import AfterValidator, BaseModel

from napari_semiseg.learning.typed_bounds import checked

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_UNITS = {"pixels": " px", "degrees": "\N{DEGREE SIGN}"}


@dataclass(frozen=True)
class Bounds:
    """Least and greatest value; ``open_low``: the least itself is refused."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    multiple_of: int = 1


@dataclass(frozen=True)
class FieldKind:
    """How a value is edited.

    Attributes
    ----------
    kind
        ``group`` is a model in the model, whose class is ``model``.
    choices
        Of a ``choice``.
    parts
        Of a ``tuple``, one each; of a ``list``, that of all its numbers, and ``bounds``
        are those of its length. ``percents`` is a text of bounds for each class.
    optional
        Whether None is allowed.
    """

    kind: Literal[
        "int", "float", "bool", "text", "choice", "tuple", "list", "group", "percents"
    ]
    bounds: Bounds = Bounds()
    choices: tuple[Any, ...] = ()
    parts: tuple[FieldKind, ...] = ()
    model: type[BaseModel] | None = None
    optional: bool = False


@dataclass(frozen=True)
class FieldWords:
    """What a field is called, what it means, and in what it is measured."""

    label: str
    about: str
    unit: str = field(default="")


def kind_of(found: FieldInfo) -> FieldKind:
    """The kind of a pydantic field.

    Raises
    ------
    TypeError
        When a form cannot edit such a field.
    """
    return _kind(found.annotation, tuple(found.metadata))


def words_of(name: str, found: FieldInfo) -> FieldWords:
    """The words for a pydantic field; the unit is told by its description."""
    about = found.description or ""
    unit = re.search(rf", ({'|'.join(_UNITS)})\b", about)
    label = name.replace("_", " ")
    return FieldWords(label, about, _UNITS[unit.group(1)] if unit else "")


def _kind(annotation: Any, metadata: tuple[Any, ...]) -> FieldKind:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0], (*parts[1:], *metadata))
    if origin in (typing.Union, types.UnionType):
        return _optional(annotation, parts, metadata)
    if origin is Literal:
        return FieldKind("choice", choices=parts)
    if origin is tuple and parts[-1] is Ellipsis:
        return FieldKind("list", _lengths(metadata), parts=(_kind(parts[0], ()),))
    if origin is tuple:
        return FieldKind("tuple", parts=tuple(_kind(part, ()) for part in parts))
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: tuple[Any, ...]) -> FieldKind:
    if annotation is bool:
        return FieldKind("bool")
    if annotation is int:
        return FieldKind("int", _bounds(metadata))
    if annotation is float:
        return FieldKind("float", _bounds(metadata))
    if annotation is str:
        rules = [rule for rule in metadata if isinstance(rule, AfterValidator)]
        of_classes = any(rule.func is checked for rule in rules)
        return FieldKind("percents" if of_classes else "text")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return FieldKind("group", model=annotation)
    raise TypeError(f"No form for a field of type {annotation}.")


def _optional(
    annotation: Any, parts: tuple[Any, ...], metadata: tuple[Any, ...]
) -> FieldKind:
    wanted = [part for part in parts if part is not type(None)]
    if len(wanted) != 1 or len(parts) != 2:
        raise TypeError(f"No form for a field of type {annotation}.")
    inner = _kind(wanted[0], metadata)
    return FieldKind(
        inner.kind, inner.bounds, inner.choices, inner.parts, inner.model, optional=True
    )


def _lengths(metadata: tuple[Any, ...]) -> Bounds:
    low: float | None = None
    high: float | None = None
    for rule in metadata:
        if isinstance(rule, (Len, MinLen)):
            low = rule.min_length
        if isinstance(rule, (Len, MaxLen)):
            high = rule.max_length
    return Bounds(low, high)


def _bounds(metadata: tuple[Any, ...]) -> Bounds:
    low: Any = None
    high: Any = None
    open_low, multiple = False, 1
    for rule in metadata:
        if isinstance(rule, (Ge, Interval)) and rule.ge is not None:
            low = rule.ge
        if isinstance(rule, (Gt, Interval)) and rule.gt is not None:
            low, open_low = rule.gt, True
        if isinstance(rule, (Le, Interval)) and rule.le is not None:
            high = rule.le
        if isinstance(rule, (Lt, Interval)) and rule.lt is not None:
            high = rule.lt
        if isinstance(rule, MultipleOf):
            multiple = typing.cast("int", rule.multiple_of)
    return Bounds(low, high, open_low, multiple)
