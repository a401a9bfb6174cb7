"""What the rules of ``faults`` do to a request and to its answer. Must never touch a connection: the app does that."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from syncd.sandbox.answer import Answer
from syncd.sandbox.config import Envelope
from syncd.sandbox.declare import Id, Resource
from syncd.sandbox.errors import gateway_page
from syncd.sandbox.faults import Rule
from syncd.sandbox.phpjson import encode
from syncd.sandbox.state import State

_SPOILING: Final = ("empty_list", "wrong_types", "corrupt", "truncated")
_FILES: Final = {"mt940": "text/plain", "zip": "application/zip"}

PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


def gateway(rule: Rule) -> Answer:
    """The gateway's own answer (recorded: F-429, F-502, F-504; a Retry-After was not)."""
    headers = [("Content-Type", "text/html")]
    if rule.params["retry_after"] is not None:
        headers.append(("Retry-After", str(rule.params["retry_after"])))
    return Answer(int(rule.params["status"]), headers, gateway_page(int(rule.params["status"])))


def html_page() -> Answer:
    """A page where JSON was expected, with 200: a login wall."""
    return Answer(200, [("Content-Type", "text/html; charset=UTF-8")], PAGE)


def rewritten(rules: Iterable[Rule], values: dict[str, Any]) -> dict[str, Any]:
    """The values a write stores under the ``rewrite`` rules."""
    changed = dict(values)
    for rule in rules:
        name = rule.params["field"]
        if isinstance(changed.get(name), str):
            changed[name] = _HOW[rule.params["how"]](changed[name], rule)
    return changed


_HOW: Final[dict[str, Callable[[str, Rule], str]]] = {
    "upper": lambda text, _: text.upper(),
    "lower": lambda text, _: text.lower(),
    "truncate": lambda text, rule: text[: rule.params["length"]],
    "append": lambda text, rule: f"{text}{rule.params['text']}",
}


def shift(rule: Rule, state: State, resource: Resource) -> None:
    """Remove a record, or put a copy of one in front of all: every later page moves by one."""
    with state.lock:
        ids = state.table(resource.name).ids
        if not ids:
            return
        key = ids[0] if rule.params["id"] is None else rule.params["id"]
        if rule.params["action"] == "remove":
            state.delete(resource.name, key)
        elif resource.id_type == "integer" and (row := state.get(resource.name, key)) is not None:
            state.insert(resource.name, {name: value for name, value in row.items() if name != "id"}, ids[0] - 1)


def spoiled(rules: Iterable[Rule], answer: Answer, envelope: Envelope) -> Answer:
    """The answer under ``empty_list``, ``wrong_types``, ``corrupt`` and ``truncated``, in this order."""
    acting = [rule for rule in rules if rule.kind in _SPOILING]
    if acting:
        answer.gather()
    for rule in sorted(acting, key=lambda rule: _SPOILING.index(rule.kind)):
        if rule.kind == "truncated":
            answer.body = answer.body[: int(len(answer.body) * rule.params["keep"])]
        elif rule.kind == "corrupt":
            answer.body = _corrupted(answer, rule)
        elif answer.status < 300 and _media_type(answer).endswith("json"):  # noqa: PLR2004 - HTTP success
            data = json.loads(answer.body)
            changed = _emptied(data, rule, envelope) if rule.kind == "empty_list" else _twisted(data, rule)
            answer.body = encode(changed, linked=isinstance(data, dict))
    return answer


def _media_type(answer: Answer) -> str:
    """What the body is; nothing where there is none."""
    headers = dict(answer.headers)
    return headers.get("Content-Type", "").partition(";")[0] if answer.body else ""


def _corrupted(answer: Answer, rule: Rule) -> bytes:
    """A file of the named kind, damaged; any other body as it is."""
    body = answer.body
    if _media_type(answer) != _FILES[rule.params["what"]]:
        return body
    if rule.params["form"] == "cut":
        return body[: len(body) // 2]
    # A zip still lists its files, but the bytes of the first are no longer what its checksum says.
    return (
        _flipped(body) if rule.params["what"] == "zip" else body.replace(b":60F:", b":60F:?").replace(b":61:", b":61:?")
    )


def _flipped(body: bytes) -> bytes:
    name, extra = (int.from_bytes(body[start : start + 2], "little") for start in (26, 28))
    first = min(30 + name + extra, len(body) - 1)
    return body[:first] + bytes([body[first] ^ 0xFF]) + body[first + 1 :]


def _emptied(data: Any, rule: Rule, envelope: Envelope) -> Any:
    if isinstance(data, list):
        return []
    prefix = "hydra:" if envelope == "hydra" else ""
    if f"{prefix}member" not in data:
        return data
    data[f"{prefix}member"] = []
    data.pop(f"{prefix}view", None)
    if not rule.params["keep_total"]:
        data[f"{prefix}totalItems"] = 0
    return data


def _twisted(data: Any, rule: Rule) -> Any:
    name = rule.params["field"]
    if name is None:
        return "unexpected"
    records = data if isinstance(data, list) else data.get("member", data.get("hydra:member", [data]))
    for record in records:
        record[name] = {"unexpected": "object"}
    return data


@dataclass(slots=True)
class _Hidden:
    name: str
    key: Id
    until: float | None
    requests: int | None


class Hidden:
    """Records that collections do not show yet. Thread-safe."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._hidden: list[_Hidden] = []

    def add(self, name: str, key: Id, rule: Rule) -> None:
        """Hide a new record as a ``listing_delay`` rule says; without either parameter for one request."""
        seconds, requests = rule.params["seconds"], rule.params["requests"]
        if seconds is None and requests is None:
            requests = 1
        until = None if seconds is None else self._now() + seconds
        with self._lock:
            self._hidden.append(_Hidden(name, key, until, requests))

    def of(self, name: str) -> frozenset[Id]:
        """The ids to leave out of one collection request; counts the request."""
        if not self._hidden:
            return frozenset()
        with self._lock:
            now = self._now()
            found: set[Id] = set()
            for each in self._hidden:
                if each.name != name or (each.until is not None and now >= each.until):
                    continue
                if each.requests is not None:
                    if each.requests <= 0:
                        continue
                    each.requests -= 1
                found.add(each.key)
            self._hidden = [each for each in self._hidden if not self._over(each, now)]
            return frozenset(found)

    @staticmethod
    def _over(each: _Hidden, now: float) -> bool:
        return (each.until is not None and now >= each.until) or (each.requests is not None and each.requests <= 0)
