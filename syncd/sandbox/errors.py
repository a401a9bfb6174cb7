"""The shapes of an error answer, per envelope. Must never leak a Python message into one.

1. problem+json of API Platform, in a linked form (for ld+json clients) and a plain one;
2. the same with ``violations``; 3. router errors (unknown route, 405); 4. authentication ``{code, message}``;
5. the gateway's HTML page. Shapes, headers and texts: recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.sandbox.config import IRI_PREFIX, Envelope

TITLE: Final = "An error occurred"
RFC2616: Final = "https://tools.ietf.org/html/rfc2616#section-10"
REASONS: Final = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint: path of the field, sentence, constraint id."""

    path: str
    message: str
    code: str


class ApiError(Exception):
    """A refusal by the API itself: problem+json."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Invalid(ApiError):
    """422 with violations."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(422, "\n".join(f"{each.path}: {each.message}" for each in violations))
        self.violations = tuple(violations)


class RouterError(Exception):
    """No such route, or not by this method (``allow`` then says which)."""

    def __init__(self, status: int, allow: tuple[str, ...] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.allow = allow


class AuthError(Exception):
    """No usable token, or a bad password: 401."""


def problem(error: ApiError, envelope: Envelope, *, linked: bool) -> dict[str, Any]:
    """Shapes 1 and 2."""
    if isinstance(error, Invalid):
        return _violations(error, envelope, linked=linked)
    core: dict[str, Any] = {
        "title": TITLE,
        "detail": error.detail,
        "status": error.status,
        "type": f"/errors/{error.status}",
    }
    if not linked:
        return core
    head = {"@id": f"{IRI_PREFIX}/errors/{error.status}", "@type": "Error"}
    if envelope == "plain":
        return {"@context": f"{IRI_PREFIX}/contexts/Error", **head, **core, "description": error.detail}
    return {**head, "@type": "hydra:Error", **core, "description": error.detail, **_hydra(error.detail)}


def _violations(error: Invalid, envelope: Envelope, *, linked: bool) -> dict[str, Any]:
    codes = [each.code for each in error.violations]
    numbered = codes[0] if len(codes) == 1 else ";".join(f"{place}={code}" for place, code in enumerate(codes))
    kind = f"/validation_errors/{numbered}"
    listed = [{"propertyPath": each.path, "message": each.message, "code": each.code} for each in error.violations]
    core: dict[str, Any] = {"status": 422, "violations": listed, "detail": error.detail}
    tail = {"type": kind, "title": TITLE}
    if not linked:
        return {**core, **tail}
    core["description"] = error.detail
    name = "ConstraintViolation" if envelope == "plain" else "ConstraintViolationList"
    head = {"@id": f"{IRI_PREFIX}{kind}", "@type": name}
    if envelope == "plain":
        return {"@context": f"{IRI_PREFIX}/contexts/{name}", **head, **core, **tail}
    return {**head, **core, **tail, **_hydra(error.detail)}


def router_problem(error: RouterError, envelope: Envelope, *, linked: bool, method: str, url: str) -> dict[str, Any]:
    """Shape 3."""
    if envelope == "plain" or not linked:
        return {"type": RFC2616, "title": TITLE, "status": error.status, "detail": REASONS[error.status]}
    allowed = f": Method Not Allowed (Allow: {', '.join(error.allow)})" if error.allow else ""
    text = f'No route found for "{method} {url}"{allowed}'
    context = f"{IRI_PREFIX}/contexts/Error"
    return {"@context": context, "@type": "hydra:Error", "hydra:title": TITLE, "hydra:description": text}


def gateway_page(status: int) -> bytes:
    """Shape 5."""
    line = f"{status} {REASONS.get(status, 'Error')}"
    return (
        f"<html>\r\n<head><title>{line}</title></head>\r\n<body>\r\n<center><h1>{line}</h1></center>\r\n"
        "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def _hydra(detail: str) -> dict[str, str]:
    return {"hydra:description": detail, "hydra:title": TITLE}
