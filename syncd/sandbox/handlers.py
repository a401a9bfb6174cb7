"""Answers requests for any declared resource. Must never know a resource by name: what differs is declared.

The order of checks is the recorded servers': route (404), method (405), token (401), media types (406, 415), record
(404), role (403), body (400), constraints (422).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from syncd.sandbox import negotiate, refuse
from syncd.sandbox.actions.catalogue import ACTIONS
from syncd.sandbox.actions.declare import CSV, MULTIPART, Action, Ask, Kit
from syncd.sandbox.actions.jobs import Branding
from syncd.sandbox.actions.outbox import Outbox
from syncd.sandbox.actions.reading import document, read_form
from syncd.sandbox.answer import Answer, write_headers
from syncd.sandbox.auth import Auth, User
from syncd.sandbox.call import Call
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Id, Resource, Row
from syncd.sandbox.envelope import page_request
from syncd.sandbox.errors import ApiError, AuthError, RouterError
from syncd.sandbox.filters import select
from syncd.sandbox.items import Items
from syncd.sandbox.pages import Pages
from syncd.sandbox.phpjson import decode
from syncd.sandbox.query import parse
from syncd.sandbox.replies import BOTH, Replies
from syncd.sandbox.router import Route, Router
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer

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
        self._replies = Replies(config, self._items)
        self.outbox = Outbox()
        self.branding = Branding(state)
        self._kit = Kit(config, state, self._writer, self._replies, self.outbox, self.branding)
        self.router = Router(state.resources, ACTIONS)
        self._records: dict[str, Callable[[Call, Route, Resource, User], Answer]] = {
            "collection": self._collection,
            "item": self._item,
            "mine": self._mine,
        }

    def answer(self, call: Call) -> Answer:
        """The answer to one request; every refusal is an answer too."""
        route = self.router.match(call.path, call.method) if call.known else None
        self.branding.begin()
        try:
            return self._dispatch(call, route)
        except ApiError as error:
            return refuse.api_error(error, call, route.extension if route else "", self._config.envelope)
        except AuthError as error:
            return refuse.auth_error(error)
        except RouterError as error:
            return refuse.router_error(error, call, self._config.envelope)
        finally:
            self.branding.end()

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
            if route.action is not None:
                return self._act(call, route, route.resource, route.action, user)
            return self._records[route.kind](call, route, route.resource, user)

    def _collection(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, BOTH)
        if call.method == "POST":
            return self._create(call, route, resource, user, media)
        query = parse(call.query)
        page = page_request(query, self._config.page_size, self._config.max_page_size)
        ids = select(self._state, resource, query, route.view)
        if call.hidden:
            ids = [key for key in ids if key not in call.hidden]
        rows = self._state.table(resource.name).rows
        linked = media == negotiate.LINKED
        shown = ids[page.offset : page.offset + page.size]
        members = [self._items.member(resource, rows[key], linked=linked) for key in shown]
        return self._replies.page(call, route.methods, route.iri, media, resource, members, len(ids), page, query)

    def _create(self, call: Call, route: Route, resource: Resource, user: User, media: str) -> Answer:
        taken = negotiate.read_as(call.content_type, BOTH)
        self._require_writer(user)
        data = decode(call.body)
        # Naming an id in a create asks for an update: @id in ld+json (recorded: case 116), id in plain JSON.
        if isinstance(data, dict) and ("@id" if taken == negotiate.LINKED else "id") in data:
            raise ApiError(400, "Update is not allowed for this operation.")
        row = self._writer.create(resource, data, origin=call.origin, rewrite=call.rewrite)
        return self._replies.made(call, route.methods, media, resource, row)

    def _item(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, BOTH)
        if call.method == "PATCH":
            negotiate.read_as(call.content_type, (negotiate.MERGE_PATCH,))
        if call.method not in _WRITES and not resource.exposed:
            raise ApiError(404, "This route does not aim to be called.")
        row = self._row(resource, route.id)
        if call.method in _WRITES:
            self._require_writer(user)
            return self._write_item(call, route, resource, media, row["id"])
        return self._shown(call, route, resource, media, row)

    def _mine(self, call: Call, route: Route, resource: Resource, user: User) -> Answer:
        media = negotiate.respond_with(call.accept, route.extension, BOTH)
        own = [row for row in self._state.rows(resource.name) if row.get("email") == user.name]
        if not own:
            raise ApiError(404, "Not Found")
        return self._shown(call, route, resource, media, own[0])

    def _shown(self, call: Call, route: Route, resource: Resource, media: str, row: Row) -> Answer:
        aliased = route.view is not None
        return self._replies.shown(call, route.methods, route.iri, media, resource, row, aliased=aliased)

    def _write_item(self, call: Call, route: Route, resource: Resource, media: str, key: Id) -> Answer:
        if call.method == "DELETE":
            self._writer.delete(resource, key)
            headers = [*write_headers(None, call.origin), *self._replies.allow(route.methods)]
            return Answer(204, [*headers, *self._replies.accept_patch(resource)])
        row = self._writer.patch(resource, key, decode(call.body), origin=call.origin, rewrite=call.rewrite)
        return self._replies.changed(call, route.methods, media, resource, row)

    def _act(self, call: Call, route: Route, resource: Resource, action: Action, user: User) -> Answer:
        media = _action_media(action, call, route)
        taken = _taken(action, call)
        row: Row = self._row(resource, route.id) if "id" in route.params else {}
        if action.role == "writer":
            self._require_writer(user)
        data = _body(call, taken, resource)
        return action.act(Ask(self._kit, call, route.iri, route.methods, route.params, media, data, resource, row))

    def _row(self, resource: Resource, text: str) -> Row:
        key = resource.parse_id(text)
        row = self._state.get(resource.name, key) if key is not None else None
        if row is None:
            raise ApiError(404, "Not Found")
        return row

    def _require_writer(self, user: User) -> None:
        if not user.writes:
            reason = " The user doesn't have ROLE_USER." if self._config.envelope == "plain" else ""
            raise ApiError(403, f"Access Denied.{reason}")


def _action_media(action: Action, call: Call, route: Route) -> str:
    """A file is what it is; everything else comes in the form asked for."""
    if action.gives:
        return negotiate.respond_with(call.accept, route.extension, action.gives)
    if route.extension:
        raise ApiError(404, f'Format "{route.extension}" is not supported')
    return negotiate.LINKED


def _taken(action: Action, call: Call) -> str:
    """The media type of an action's body; empty for none."""
    if not action.takes or (action.optional and not call.body):
        return ""
    return negotiate.read_as(call.content_type, action.takes)


def _body(call: Call, taken: str, resource: Resource) -> Any:
    if not taken:
        return {}
    if taken == MULTIPART:
        return read_form(call.content_type or "", call.body)
    return call.body if taken == CSV else document(decode(call.body), resource)
