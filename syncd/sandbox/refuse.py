"""Turns every refusal into its answer, and the few answers the framework gives by itself. Must never let one escape.

Which shape goes with what: see ``errors``.
"""

from __future__ import annotations

import html
from typing import Final

from syncd.sandbox import negotiate
from syncd.sandbox.answer import CACHE, VARY, Answer, Headers, problem_headers
from syncd.sandbox.call import Call
from syncd.sandbox.config import Envelope
from syncd.sandbox.errors import TITLE, ApiError, AuthError, Invalid, RouterError, problem, router_problem
from syncd.sandbox.phpjson import encode

_OOPS: Final = f"<!DOCTYPE html>\n<html><head><title>{TITLE}</title></head><body><h1>Oops!</h1></body></html>\n"
_METHODS: Final = "GET, OPTIONS, POST, PUT, PATCH, DELETE"


def api_error(error: ApiError, call: Call, extension: str, envelope: Envelope) -> Answer:
    """A problem+json answer."""
    linked = negotiate.wants_linked(call.accept, extension)
    located = not isinstance(error, Invalid)
    headers = problem_headers(error.status, call.origin, envelope, linked=linked, located=located)
    return Answer(error.status, headers, encode(problem(error, envelope, linked=linked), linked=linked))


def auth_error(error: AuthError) -> Answer:
    """401; not problem+json (recorded: cases 2, 7 to 11)."""
    body = encode({"code": 401, "message": str(error)}, linked=False)
    return Answer(401, [("Content-Type", negotiate.PLAIN), ("WWW-Authenticate", "Bearer"), CACHE], body)


def router_error(error: RouterError, call: Call, envelope: Envelope) -> Answer:
    """404 of an unknown route and 405: in the type asked for, else a page (the page is assumed)."""
    media = negotiate.router_format(call.accept)
    tail: Headers = [VARY, CACHE]
    if error.allow:
        tail.append(("Allow", ", ".join(error.allow)))
    if media == negotiate.HTML:
        return Answer(error.status, [("Content-Type", "text/html; charset=UTF-8"), *tail], _OOPS.encode())
    linked = media == negotiate.LINKED
    url = f"{call.origin}{call.raw_path}"
    data = router_problem(error, envelope, linked=linked, method=call.method, url=url)
    return Answer(error.status, [("Content-Type", media), *tail], encode(data, linked="hydra:title" in data))


def preflight(call: Call) -> Answer:
    """The only OPTIONS that is answered (recorded: case 90)."""
    headers = [
        ("Content-Type", "text/html; charset=UTF-8"),
        ("Vary", "Origin"),
        CACHE,
        ("Access-Control-Allow-Methods", _METHODS),
        ("Access-Control-Allow-Headers", "content-type, authorization"),
        ("Access-Control-Max-Age", "3600"),
        ("Access-Control-Allow-Origin", call.headers.get("origin", "*")),
    ]
    return Answer(200, headers)


def moved(call: Call) -> Answer:
    """A trailing slash: 301 to the absolute address without it (recorded: case 45)."""
    target = f"{call.origin}{call.raw_path.removesuffix('/')}" + (f"?{call.query}" if call.query else "")
    shown = html.escape(target)
    page = f'<!DOCTYPE html>\n<html><body>Redirecting to <a href="{shown}">{shown}</a>.</body></html>\n'
    return Answer(301, [("Content-Type", "text/html; charset=utf-8"), ("Location", target)], page.encode())
