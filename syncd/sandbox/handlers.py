"""Answers requests for any declared resource. Must never know a resource by name: what differs is declared.

The order of checks is the recorded servers': route (404), method (405), token (401), media types (406, 415), record
(404), role (403), body (400), constraints (422).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.sandbox import negotiate, refuse
from syncd.sandbox.answer import Answer, Headers, read_headers, write_headers
from syncd.sandbox.auth import Auth, User
from syncd.sandbox.call import Call
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Id, Resource, Row
from syncd.sandbox.envelope import collection, page_request
from syncd.sandbox.errors import ApiError, AuthError, RouterError
from syncd.sandbox.filters import select
from syncd.sandbox.items import Items
from syncd.sandbox.pages import Pages
from syncd.sandbox.phpjson import decode
from syncd.sandbox.query import parse
from syncd.sandbox.router import Route, Router
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer

_BOTH: Final = (negotiate.LINKED, negotiate.PLAIN)
_WRITES: Final = frozenset({"PATCH", "DELETE"})


class Handlers:
    """The API of one sandbox."""

    def __init__(self, config: SandboxConfig, state: State, auth: Auth) -> None:
        self._config = config
        self._state = state
        self._auth = auth
        self._items = Items(state)
        self._writer = Writer(config, state)
        self._pages = Pages(config, state, auth)
        self.router = Router(state.resources)
        self._records: dict[str, Callable[[Call, Route, Resource, User], Answer]] = {
            "collection": self._collection,
            "item": self._item,
            "mine": self._mine,
        }

    def answer(self, call: Call) -> Answer:
        """The answer to one request; every refusal is an answer too."""
        route = self.router.match(call.path) if call.known else None
        try:
            return self._dispatch(call, route)
        except ApiError as error:
            return refuse.api_error(error, call, route.extension if route else "", self._config.envelope)
        except AuthError as error:
            return refuse.auth_error(error)
        except RouterError as error:
            return refuse.router_error(error, call, self._config.envelope)

    def _dispatch(self, call: Call, route: Route | None) -> Answer:
        if call.method == "OPTIONS" and "access-control-request-method" in call.headers:
            return refuse.preflight(call)
        if route is None:
            raise RouterError(404)
        if call.path.endswith("/") and call.path != "/":
            return refuse.moved(call)
        if call.method not in route.methods and not (call.method == "HEAD" and "GET" in route.methods):
            raise RouterError(405, route.methods)
        if route.kind == "login":
            return self._pages.login(call)
        if route.kind == "docs":
            return self._pages.docs(call, route)
        user = self._auth.check(call.headers.get("authorization"))
        if route.kind == "entrypoint":
            return self._pages.entrypoint(call, route)
        if route.resource is None:
            return self._pages.context(call, route)
        with self._state.lock:
            return self._records[route.kind](call, route, route.resource, user)

    def _collection(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, _BOTH)
        if call.method == "POST":
            return self._create(call, route, resource, user, media)
        query = parse(call.query)
        page = page_request(query, self._config.page_size, self._config.max_page_size)
        ids = select(self._state, resource, query)
        if call.hidden:
            ids = [key for key in ids if key not in call.hidden]
        rows = self._state.table(resource.name).rows
        linked = media == negotiate.LINKED
        shown = ids[page.offset : page.offset + page.size]
        members = [self._items.member(resource, rows[key], linked=linked) for key in shown]
        if linked:
            body = collection(resource, route.iri, members, len(ids), page, query, self._config.envelope)
        else:
            body = b"[" + b",".join(members) + b"]"
        headers = [*read_headers(media, body, call.origin), *self._allow(route)]
        return Answer(200, self._head_location(headers, call, route, media), body)

    def _create(self, call: Call, route: Route, resource: Resource, user: User, media: str) -> Answer:
        taken = negotiate.read_as(call.content_type, _BOTH)
        self._require_writer(user)
        data = decode(call.body)
        # Naming an id in a create asks for an update: @id in ld+json (recorded: case 116), id in plain JSON.
        if isinstance(data, dict) and ("@id" if taken == negotiate.LINKED else "id") in data:
            raise ApiError(400, "Update is not allowed for this operation.")
        row = self._writer.create(resource, data, origin=call.origin, rewrite=call.rewrite)
        iri = resource.iri(row["id"])
        headers = [*write_headers(media, call.origin), *self._allow(route), ("Location", iri)]
        headers += [("Accept-Patch", negotiate.MERGE_PATCH)] if "PATCH" in resource.item else []
        headers.append(("Content-Location", self._located(iri, media)))
        body = self._items.item(resource, row, linked=media == negotiate.LINKED)
        return Answer(201, headers, body, created=(resource.name, row["id"]))

    def _item(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, _BOTH)
        if call.method == "PATCH":
            negotiate.read_as(call.content_type, (negotiate.MERGE_PATCH,))
        key = resource.parse_id(route.id)
        row = self._state.get(resource.name, key) if key is not None else None
        if row is None or key is None:
            raise ApiError(404, "Not Found")
        if call.method in _WRITES:
            self._require_writer(user)
            return self._write_item(call, route, resource, media, key)
        return self._shown(call, route, resource, media, row)

    def _mine(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, _BOTH)
        own = [row for row in self._state.rows(resource.name) if row.get("email") == user.name]
        if not own:
            raise ApiError(404, "Not Found")
        return self._shown(call, route, resource, media, own[0])

    def _shown(self, call: Call, route: Route, resource: Resource, media: str, row: Row) -> Answer:
        iri = route.iri if route.view else None
        body = self._items.item(resource, row, linked=media == negotiate.LINKED, iri=iri)
        headers = [*read_headers(media, body, call.origin), *self._allow(route)]
        headers += self._accept_patch(resource)
        if self._config.envelope == "hydra":
            headers.append(("Content-Location", resource.iri(row["id"])))
        return Answer(200, self._head_location(headers, call, route, media), body)

    def _write_item(self, call: Call, route: Route, resource: Resource, media: str, key: Id) -> Answer:
        patch = [*self._allow(route), *self._accept_patch(resource)]
        if call.method == "DELETE":
            self._writer.delete(resource, key)
            self._items.forget(resource, key)
            return Answer(204, [*write_headers(None, call.origin), *patch])
        row = self._writer.patch(resource, key, decode(call.body), origin=call.origin, rewrite=call.rewrite)
        located = ("Content-Location", self._located(resource.iri(key), media))
        body = self._items.item(resource, row, linked=media == negotiate.LINKED)
        return Answer(200, [*write_headers(media, call.origin), *patch, located], body)

    def _require_writer(self, user: User) -> None:
        if not user.writes:
            reason = " The user doesn't have ROLE_USER." if self._config.envelope == "plain" else ""
            raise ApiError(403, f"Access Denied.{reason}")

    def _allow(self, route: Route) -> Headers:
        """``Allow`` and ``Accept-Post`` on success: 4.3 only."""
        if self._config.envelope == "hydra":
            return []
        headers = [("Allow", ", ".join(("OPTIONS", "HEAD", *route.methods)))]
        return [*headers, ("Accept-Post", ", ".join(_BOTH))] if "POST" in route.methods else headers

    @staticmethod
    def _accept_patch(resource: Resource) -> Headers:
        return [("Accept-Patch", negotiate.MERGE_PATCH)] if "PATCH" in resource.item else []

    def _located(self, iri: str, media: str) -> str:
        if self._config.envelope == "hydra":
            return iri
        return f"{iri}.{'jsonld' if media == negotiate.LINKED else 'json'}"

    def _head_location(self, headers: Headers, call: Call, route: Route, media: str) -> Headers:
        """4.3 tells a HEAD, and only a HEAD, where the content is (recorded: cases 47, 88)."""
        if call.method == "HEAD" and self._config.envelope == "plain":
            query = f"?{call.query}" if call.query else ""
            headers.append(("Content-Location", f"{self._located(route.iri, media)}{query}"))
        return headers
