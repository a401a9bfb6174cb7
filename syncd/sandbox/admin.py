"""Routes under ``/_sandbox``: switches and a back door. No Flowtly has them, no token guards them.

=======================================  =====================================================================
GET /_sandbox/faults                     the fault rules with their counters
POST /_sandbox/faults                    add a rule: ``{"kind": "status_after", "method": "POST", "path":
                                         "/clients", "times": 1, "params": {"status": 504}}`` (see ``faults``)
DELETE /_sandbox/faults[/{id}]           remove all rules, or one
GET /_sandbox/requests                   how often each method and route was asked; DELETE starts at zero
GET /_sandbox/records/{resource}         every record as stored, hidden fields too
POST /_sandbox/records/{resource}        a person creates a record in the app
PATCH /_sandbox/records/{resource}/{id}  a person edits one
DELETE /_sandbox/records/{resource}/{id} a person deletes one, also where the API has no DELETE
=======================================  =====================================================================

``{resource}`` is a path such as ``clients``. A person may write ``DK`` or ``DKK`` where the API wants the IRI of a
country or currency. Refusals are ``{"error": ...}`` with 400, 404 or 422. Must never answer under the API prefix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Resource, find_by_path
from syncd.sandbox.errors import ApiError
from syncd.sandbox.faults import Faults
from syncd.sandbox.phpjson import decode
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer

_RULE_KEYS = ("kind", "method", "path", "times", "after_nth", "share", "seed")


def admin_routes(config: SandboxConfig, state: State, faults: Faults, requests: Counter[str]) -> list[Route]:
    """The routes, without their common ``/_sandbox``."""
    rules, records = _Rules(faults), _Records(config, state)
    counters = _Counters(requests)
    return [
        Route("/faults", _guarded(rules.all), methods=["GET", "POST", "DELETE"]),
        Route("/faults/{id:int}", _guarded(rules.one), methods=["DELETE"]),
        Route("/requests", _guarded(counters.all), methods=["GET", "DELETE"]),
        Route("/records/{resource}", _guarded(records.all), methods=["GET", "POST"]),
        Route("/records/{resource}/{id}", _guarded(records.one), methods=["PATCH", "DELETE"]),
    ]


def _guarded(act: Callable[[Request, Any], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return act(request, decode(body) if body else {})
        except ApiError as error:
            return JSONResponse({"error": error.detail}, error.status)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


class _Rules:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def all(self, request: Request, data: Any) -> Response:
        if request.method == "POST":
            return self._add(data)
        if request.method == "DELETE":
            self._faults.clear()
            return Response(status_code=204)
        return JSONResponse(self._faults.rules())

    def one(self, request: Request, _data: Any) -> Response:
        removed = self._faults.remove(request.path_params["id"])
        return Response(status_code=204) if removed else JSONResponse({"error": "no such rule"}, 404)

    def _add(self, data: Any) -> Response:
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            raise ApiError(400, "a rule is an object with a kind")
        unknown = set(data) - {*_RULE_KEYS, "params"}
        params = data.get("params", {})
        if unknown or not isinstance(params, dict):
            raise ApiError(400, f"a rule has {', '.join(_RULE_KEYS)} and an object params, not {sorted(unknown)}")
        given = {name: data[name] for name in _RULE_KEYS if data.get(name) is not None}
        try:
            rule = self._faults.add(**given, **params)
        except TypeError as error:
            raise ApiError(400, f"a rule with values of a wrong type: {error}") from error
        return JSONResponse(next(each for each in self._faults.rules() if each["id"] == rule.id), 201)


class _Counters:
    def __init__(self, requests: Counter[str]) -> None:
        self._requests = requests

    def all(self, request: Request, _data: Any) -> Response:
        if request.method == "DELETE":
            self._requests.clear()
            return Response(status_code=204)
        return JSONResponse(dict(sorted(self._requests.items())))


class _Records:
    def __init__(self, config: SandboxConfig, state: State) -> None:
        self._state = state
        self._writer = Writer(config, state)

    def all(self, request: Request, data: Any) -> Response:
        resource = self._resource(request)
        if request.method == "GET":
            return JSONResponse([dict(row) for row in self._state.rows(resource.name)])
        row = self._writer.create(resource, self._spelled(resource, data), origin="")
        return JSONResponse({**row, "@id": resource.iri(row["id"])}, 201)

    def one(self, request: Request, data: Any) -> Response:
        resource = self._resource(request)
        key = resource.parse_id(request.path_params["id"])
        if key is None or self._state.get(resource.name, key) is None:
            raise ApiError(404, "Not Found")
        if request.method == "DELETE":
            self._writer.delete(resource, key)
            return Response(status_code=204)
        row = self._writer.patch(resource, key, self._spelled(resource, data), origin="")
        return JSONResponse({**row, "@id": resource.iri(key)})

    def _resource(self, request: Request) -> Resource:
        resource = find_by_path(self._state.resources, request.path_params["resource"])
        if resource is None:
            known = ", ".join(each.path for each in self._state.resources.values())
            raise ApiError(404, f"no such resource; there are {known}")
        return resource

    def _spelled(self, resource: Resource, data: Any) -> Any:
        """Codes of countries and currencies become IRIs; everything else stays as it is."""
        if not isinstance(data, dict):
            raise ApiError(400, "a record is a JSON object")
        spelled = dict(data)
        for name, value in data.items():
            field = resource.by_name.get(name)
            if field and field.reference in ("Country", "Currency") and isinstance(value, str):
                spelled[name] = self._iri(field.reference, value)
        return spelled

    def _iri(self, name: str, code: str) -> str:
        target = self._state.resources[name]
        found = self._state.table(name).with_value("code", (code,))
        return target.iri(found[0]) if found else code
