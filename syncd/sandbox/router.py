"""From a path to what it means. Must never look at a record: whether one exists is not the router's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from syncd.sandbox.actions.declare import Action
from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Resource, View, find_by_path

Kind: TypeAlias = Literal["login", "entrypoint", "context", "docs", "collection", "item", "mine", "action"]


@dataclass(frozen=True, slots=True)
class Route:
    """One path understood.

    ``id`` is text as it came; ``template`` names the route in counters; ``iri`` is the path as answers spell it, with
    the IRI prefix and without an extension. ``action`` and ``params``, the parts of its path, are there for one.
    """

    kind: Kind
    template: str
    methods: tuple[str, ...]
    iri: str
    extension: str = ""
    resource: Resource | None = None
    id: str = ""
    view: View | None = None
    action: Action | None = None
    params: Mapping[str, str] = field(default_factory=dict)


class Router:
    """Routes of one set of declarations. Paths come without the front's prefix: ``/clients/5``, or empty."""

    def __init__(self, resources: Mapping[str, Resource], actions: Sequence[Action]) -> None:
        self._resources = resources
        # A word of a path is stronger than a name that fills the same place.
        self._actions = sorted(actions, key=lambda each: [part.startswith("{") for part in each.segments])

    def routes(self) -> list[tuple[str, str]]:
        """Every published operation: method and path template such as ``/clients/{id}``, sorted by path."""
        found: list[tuple[str, str]] = [(each.method, each.path) for each in self._actions]
        for resource in self._resources.values():
            base = f"/{resource.path}"
            found += [(method, base) for method in resource.collection]
            found += [(method, f"{base}/{{id}}") for method in resource.published_item]
            for view in resource.views:
                found.append(("GET", f"{base}/{{id}}/{view.path}" if view.kind == "item" else f"{base}/{view.path}"))
        return sorted(found, key=lambda each: (each[1], each[0]))

    def match(self, path: str, method: str) -> Route | None:
        """The route of a path, None when there is none.

        Where a path fits an action and a record (``/invoices/send``), the method decides between them.
        """
        inner = path.removeprefix("/").removesuffix("/")
        segments = inner.split("/") if inner else []
        extension = ""
        if segments and "." in segments[-1]:
            segments[-1], _, extension = segments[-1].rpartition(".")
        iri = "/".join([IRI_PREFIX, *segments])
        fixed = self._fixed(segments, iri, extension)
        if fixed is not None:
            return fixed
        action = self._action(segments, iri, extension, method)
        if action is not None and _serves(action, method):
            return action
        resource = find_by_path(self._resources, segments[0]) if segments else None
        plain = self._of(resource, segments[1:], iri, extension) if resource else None
        return plain if plain is not None and (action is None or _serves(plain, method)) else action

    def _action(self, segments: list[str], iri: str, extension: str, method: str) -> Route | None:
        fitting = [each for each in self._actions if each.params(segments) is not None]
        if not fitting:
            return None
        first = fitting[0]
        here: dict[str, Action] = {each.method: each for each in fitting if each.path == first.path}
        meant = here.get("GET" if method == "HEAD" else method, first)
        params = meant.params(segments) or {}
        resource = self._resources[meant.resource]
        key = params.get("id", "")
        return Route("action", meant.path, tuple(here), iri, extension, resource, key, None, meant, params)

    def _fixed(self, segments: list[str], iri: str, extension: str) -> Route | None:
        match segments:
            case []:
                return Route("entrypoint", "/", ("GET",), iri, extension)
            case ["login"]:
                return Route("login", "/login", ("POST",), iri)
            case ["docs"]:
                return Route("docs", "/docs", ("GET",), iri, extension)
            case ["contexts", name]:
                return Route("context", "/contexts/{shortName}", ("GET",), iri, extension, id=name)
        return None

    @staticmethod
    def _of(resource: Resource, rest: list[str], iri: str, extension: str) -> Route | None:
        base = f"/{resource.path}"
        if not rest:
            return Route("collection", base, resource.collection, iri, extension, resource)
        views = {each.path: each for each in resource.views}
        view = views.get(rest[-1])
        if len(rest) == 1 and view is not None and view.kind != "item":
            kind: Kind = "collection" if view.kind == "collection" else "mine"
            return Route(kind, f"{base}/{view.path}", ("GET",), iri, extension, resource, view=view)
        if len(rest) == 1 and rest[0]:
            return Route("item", f"{base}/{{id}}", resource.item, iri, extension, resource, rest[0])
        if len(rest) == 2 and view is not None and view.kind == "item":  # noqa: PLR2004 - /{id}/view
            template = f"{base}/{{id}}/{view.path}"
            return Route("item", template, ("GET",), iri, extension, resource, rest[0], view)
        return None


def _serves(route: Route, method: str) -> bool:
    return method in route.methods or (method == "HEAD" and "GET" in route.methods)
