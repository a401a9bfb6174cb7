"""The routes that are about the API itself: login, entry point, contexts, documentation. Must never touch a record."""

from __future__ import annotations

from typing import Any, Final

from syncd.sandbox import negotiate, openapi
from syncd.sandbox.answer import CACHE, VARY, Answer, read_headers
from syncd.sandbox.auth import Auth
from syncd.sandbox.call import Call
from syncd.sandbox.config import IRI_PREFIX, SandboxConfig
from syncd.sandbox.errors import RFC2616, TITLE, ApiError
from syncd.sandbox.phpjson import decode, encode
from syncd.sandbox.router import Route
from syncd.sandbox.state import State

_OFFERED: Final = (negotiate.LINKED, negotiate.OPENAPI)
_OWN_CONTEXTS: Final = frozenset({"Entrypoint", "Error", "ConstraintViolation"})


class Pages:
    """These routes of one sandbox."""

    def __init__(self, config: SandboxConfig, state: State, auth: Auth) -> None:
        self._config = config
        self._resources = state.resources
        self._auth = auth

    def login(self, call: Call) -> Answer:
        """A token for a name and a password in JSON; anything else is 400 or, as a form, 404. Raises AuthError."""
        if not (call.content_type or "").split(";")[0].strip().endswith("json"):
            return _login_refused(404, "Not Found")
        try:
            data = decode(call.body)
        except ApiError:
            data = None
        name, password = (data.get("username"), data.get("password")) if isinstance(data, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(password, str):
            return _login_refused(400, "Bad Request")
        body = encode({"token": self._auth.login(name, password)}, linked=False)
        return Answer(200, [("Content-Type", negotiate.PLAIN), CACHE], body)

    def entrypoint(self, call: Call, route: Route) -> Answer:
        """Which collections there are."""
        try:
            media = negotiate.respond_with(call.accept, route.extension, _OFFERED)
        except ApiError as error:
            if self._config.envelope == "plain":
                raise
            # A shape of its own, seen nowhere else (recorded for 3.4: case 206).
            body = encode({"type": RFC2616, "title": TITLE, "detail": error.detail}, linked=True)
            return Answer(error.status, [("Content-Type", f"{negotiate.PROBLEM}; charset=utf-8"), CACHE], body)
        if media == negotiate.OPENAPI:
            return self.docs(call, route)
        served = sorted(self._resources.values(), key=lambda each: each.name)
        paths = {each.name[0].lower() + each.name[1:]: f"{IRI_PREFIX}/{each.path}" for each in served}
        head = {"@context": f"{IRI_PREFIX}/contexts/Entrypoint", "@id": IRI_PREFIX, "@type": "Entrypoint"}
        return _document({**head, **paths}, media, call.origin)

    def context(self, call: Call, route: Route) -> Answer:
        """The JSON-LD context of one short name. Raises ApiError 404."""
        resource = self._resources.get(route.id)
        if resource is None and route.id not in _OWN_CONTEXTS:
            raise ApiError(404, "Not Found")
        return _document(openapi.context(route.id, resource, call.origin), negotiate.LINKED, call.origin)

    def docs(self, call: Call, route: Route) -> Answer:
        """OpenAPI or the Hydra vocabulary; no token needed (recorded: cases 209 to 212)."""
        media = negotiate.respond_with(call.accept, route.extension, _OFFERED)
        make = openapi.document if media == negotiate.OPENAPI else openapi.vocabulary
        return _document(make(self._resources, self._config), media, call.origin)


def _document(data: dict[str, Any], media: str, origin: str) -> Answer:
    body = encode(data, linked=media == negotiate.LINKED)
    return Answer(200, read_headers(media, body, origin), body)


def _login_refused(status: int, detail: str) -> Answer:
    body = encode({"type": RFC2616, "title": TITLE, "status": status, "detail": detail}, linked=False)
    return Answer(status, [("Content-Type", negotiate.PLAIN), VARY, CACHE], body)
