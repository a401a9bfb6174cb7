"""From a path to what it means. Must never look at a record: whether one exists is not the router's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Resource, View, find_by_path

Kind: TypeAlias = Literal["login", "entrypoint", "context", "docs", "collection", "item", "mine"]


@dataclass(frozen=True, slots=True)
class Route:
    """One path understood.

    ``id`` is text as it came; ``template`` names the route in counters; ``iri`` is the path as answers spell it, with
    the IRI prefix and without an extension.
    """

    kind: Kind
    template: str
    methods: tuple[str, ...]
    iri: str
    extension: str = ""
    resource: Resource | None = None
    id: str = ""
    view: View | None = None


class Router:
    """Routes of one set of declarations. Paths come without the front's prefix: ``/clients/5``, or empty."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources

    def match(self, path: str) -> Route | None:
        """The route of a path, None when there is none."""
        inner = path.removeprefix("/").removesuffix("/")
        segments = inner.split("/") if inner else []
        extension = ""
        if segments and "." in segments[-1]:
            segments[-1], _, extension = segments[-1].rpartition(".")
        iri = "/".join([IRI_PREFIX, *segments])
        fixed = self._fixed(segments, iri, extension)
        if fixed is not None:
            return fixed
        resource = find_by_path(self._resources, segments[0]) if segments else None
        return self._of(resource, segments[1:], iri, extension) if resource else None

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
