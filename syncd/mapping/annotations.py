"""Walks a model's type annotations along a path of keys, to know what a place in a file stands for. Never validates."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

KEYED: Final = "key:"
"""Union tags that start so mean: this object is written under its own name, as in ``{lookup: countries, by: code}``."""

_LISTS: Final = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class Shape:
    """One possible type of a place: the bare annotation with the metadata that stood around it."""

    type: Any
    metadata: tuple[Any, ...] = ()


def shapes(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Shape]:
    """Every alternative of an annotation, unions and ``Annotated`` unfolded."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        yield from shapes(inner, (*metadata, *extra))
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from shapes(member, metadata)
    elif annotation is not type(None):
        yield Shape(annotation, metadata)


def below(shape: Shape, key: Any) -> Iterator[Shape]:
    """What may stand under one key (or index) of a shape."""
    origin, arguments = get_origin(shape.type), get_args(shape.type)
    if is_model(shape.type):
        for name, info in shape.type.model_fields.items():
            if key in (name, info.alias):
                yield from of_field(info)
    elif origin in _LISTS and isinstance(key, int) and arguments:
        yield from shapes(arguments[0])
    elif origin is dict:
        yield from shapes(arguments[1])


def of_field(info: FieldInfo) -> Iterator[Shape]:
    """The alternatives of one model field."""
    yield from shapes(info.annotation, tuple(info.metadata))


def selected(candidates: tuple[Shape, ...], step: Any) -> tuple[Shape, ...]:
    """The candidates a union's tag or class name picks, or nothing when the step is no such name."""
    if not isinstance(step, str):
        return ()
    tagged = tuple(s for s in candidates if any(isinstance(m, Tag) and m.tag == step for m in s.metadata))
    return tagged or tuple(s for s in candidates if is_model(s.type) and s.type.__name__ == step)


def is_model(kind: Any) -> bool:
    """True for a pydantic model class."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def known_keys(candidates: tuple[Shape, ...]) -> list[str]:
    """Every key the candidates know, as people write them."""
    return [info.alias or name for s in candidates if is_model(s.type) for name, info in s.type.model_fields.items()]
