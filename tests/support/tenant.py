"""Changing what a running sandbox declares and whom it lets in, as Flowtly may change between two days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncd.sandbox.errors import ApiError
from syncd.sandbox.server import SandboxServer

_DERIVED = ("by_name", "writable", "defaults", "stamps")


@contextmanager
def declared(server: SandboxServer, name: str, **changes: Any) -> Iterator[None]:
    """The resource of this short name declared otherwise for a while."""
    with server.state.lock:
        resource = server.state.resources[name]
        before = dict(resource.__dict__)
        _set(resource, {**before, **changes})
    try:
        yield
    finally:
        with server.state.lock:
            _set(resource, before)


def without(server: SandboxServer, name: str, *gone: str) -> Any:
    """A resource without some fields."""
    fields = server.state.resources[name].fields
    assert set(gone) <= {field.name for field in fields}
    return declared(server, name, fields=tuple(field for field in fields if field.name not in gone))


def with_field(server: SandboxServer, name: str, field: Any) -> Any:
    """A resource with one more field."""
    return declared(server, name, fields=(*server.state.resources[name].fields, field))


@contextmanager
def denied(server: SandboxServer, *paths: str) -> Iterator[None]:
    """Users have no role for the resources of these paths, such as ``client-notes``."""
    records = server._api.handlers._records
    before = dict(records)

    def guarded(kind: str) -> Any:
        def answer(call: Any, route: Any, resource: Any, user: Any) -> Any:
            if resource.path in paths:
                raise ApiError(403, "Access Denied.")
            return before[kind](call, route, resource, user)

        return answer

    records.update({kind: guarded(kind) for kind in before})
    try:
        yield
    finally:
        records.update(before)


def _set(resource: Any, values: dict[str, Any]) -> None:
    for name in _DERIVED:
        resource.__dict__.pop(name, None)
    for name, value in values.items():
        if name not in _DERIVED:
            object.__setattr__(resource, name, value)
