"""Secrets must come from outside the file. Finds literal ones by the model's types; never shows one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, SecretStr

from syncd.mapping.annotations import Shape, below, is_model
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem
from syncd.mapping.scalars import UrlMarker

_HINT: Final = "write ${VARIABLE} or ${file:/run/secrets/name}"
_PASSWORD_PARAMETERS: Final = frozenset({"password", "sslpassword", "passwd", "pwd", "token"})


def literal_secrets(model: type[BaseModel], node: Node) -> Iterator[Problem]:
    """A problem for each secret that is written out in the file."""
    yield from _walk((Shape(model),), node, "")


def _walk(candidates: tuple[Shape, ...], node: Node, name: str) -> Iterator[Problem]:
    secret = next((shape for shape in candidates if _is_secret(shape)), None)
    if secret is not None and not node.is_map and not node.is_list:
        yield from _judged(secret, node, name)
        return
    steps = [*node.pairs(), *enumerate(node.elements())]
    for key, value in steps:
        found = tuple(inner for shape in candidates for inner in below(shape, key))
        if found:
            yield from _walk(found, value, str(key))


def _judged(shape: Shape, node: Node, name: str) -> Iterator[Problem]:
    if node.interpolated or node.content is None:
        return
    if any(isinstance(item, UrlMarker) for item in shape.metadata):
        if carries_password(str(node.content)):
            yield node.problem(f"the password in {name!r} is written out in the file", _HINT)
    elif node.content != "":
        yield node.problem(f"the secret {name!r} is written out in the file", _HINT)


def _is_secret(shape: Shape) -> bool:
    return isinstance(shape.type, type) and not is_model(shape.type) and issubclass(shape.type, SecretStr)


def carries_password(url: str) -> bool:
    """True when a URL has a password in its user part or its query. What cannot be read as a URL counts as one."""
    try:
        parts = urlsplit(url)
        return bool(parts.password) or any(key.lower() in _PASSWORD_PARAMETERS for key, _ in parse_qsl(parts.query))
    except ValueError:
        return True
