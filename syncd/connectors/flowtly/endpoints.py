"""Every endpoint that Flowtly publishes, one declaration each, and what calling it does. It never calls one.

Listing, creating, reading, changing and deleting follow from the resource catalogue; the others are declared in
``endpoints_special``. What is not here cannot be called at all, and clearing an organization is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from syncd.connectors.flowtly.catalogue import Catalogue, Resource, Verb
from syncd.connectors.flowtly.endpoints_special import SPECIAL
from syncd.connectors.flowtly.endpoints_words import Body, Effect, Endpoint, Gives
from syncd.errors import Refused
from syncd.mapping.problems import did_you_mean

PUBLISHED: Final = (
    "clients",
    "client-contacts",
    "client-notes",
    "counterparties",
    "budgets",
    "budget-groups",
    "budget-contractors",
    "budget-employees",
    "budget-invoices",
    "budget-projects",
    "budget-transactions",
    "income-transactions",
    "project-transactions",
    "transactions",
    "transaction-attachments",
    "invoices",
)
"""The resources whose endpoints stand on Flowtly's pages on clients and budgeting; lookups are only pointed to."""

_SYNCED: Final = frozenset({Verb.LIST, Verb.CREATE, Verb.GET, Verb.PATCH})  # it has no deletes of its own


class Endpoints:
    """All endpoints of a tenant, in the order of their resources."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._named = {endpoint.name: endpoint for endpoint in endpoints}

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._named.values())

    def named(self, name: str) -> Endpoint:
        """The endpoint of a name such as ``invoices.get``. Raises Refused with the nearest one."""
        found = self._named.get(name)
        if found is None:
            hint = did_you_mean(name, self._named) or "`syncd flowtly endpoints` lists them"
            raise Refused(f"there is no endpoint {name!r} ({hint})")
        return found

    def at(self, method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
        """The endpoint of a method and a path such as ``/clients/5``, and what fills its gaps. Raises Refused.

        Where a word of a path and an id would both fit, the word counts: ``/clients/search`` is no client.
        """
        method, plain = method.upper(), "/" + path.strip("/")
        fitting = [(one, values) for one in self if (values := _values(one.path, plain)) is not None]
        fewest = min((len(values) for _, values in fitting), default=0)
        closest = [pair for pair in fitting if len(pair[1]) == fewest]
        for endpoint, values in closest or fitting:
            if endpoint.method == method:
                return endpoint, values
        raise Refused(f"there is no {method} {plain} ({self._hint(method, plain, [one for one, _ in closest])})")

    def _hint(self, method: str, path: str, here: Sequence[Endpoint]) -> str:
        if here:
            return f"there is {', '.join(str(one) for one in here)}"
        known = f"{method} {path}"
        return did_you_mean(known, map(str, self)) or "`syncd flowtly endpoints` lists what can be called"


def endpoints(catalogue: Catalogue) -> Endpoints:
    """The endpoints of a tenant's resources: the plain ones as the catalogue declares them, then the special ones."""
    return Endpoints(each for name in PUBLISHED for each in _of(catalogue, catalogue.named(name)))


def _of(catalogue: Catalogue, resource: Resource) -> Iterator[Endpoint]:
    yield from _plain(resource)
    yield from (_viewed(view) for view in catalogue.views(resource.name))
    for special in SPECIAL.get(resource.name, ()):
        yield replace(special, path=resource.items + special.path, resource=resource.name)


def _plain(resource: Resource) -> Iterator[Endpoint]:
    words, item = resource.name.replace("-", " "), f"{resource.items}/{{id}}"
    one = f"one of the {words}"
    forms = {
        Verb.LIST: Endpoint("GET", resource.path, "list", f"Lists {words}", gives=Gives.COLLECTION),
        Verb.CREATE: Endpoint("POST", resource.path, "create", f"Makes {one}", Effect.CHANGE, (Body.JSON,)),
        Verb.GET: Endpoint("GET", item, "get", f"Reads {one}"),
        Verb.PATCH: Endpoint("PATCH", item, "patch", f"Changes {one}", Effect.CHANGE, (Body.MERGE_PATCH,)),
        Verb.DELETE: Endpoint("DELETE", item, "delete", f"Deletes {one}", Effect.CHANGE, gives=Gives.NOTHING),
    }
    for verb, form in forms.items():
        if verb in resource.verbs:
            name = f"{resource.name}.{form.name}"
            yield replace(form, name=name, resource=resource.name, synced=verb in _SYNCED)


def _viewed(view: Resource) -> Endpoint:
    """A view of a resource is a list of its own."""
    shown, step = str(view.view_of), view.path.rpartition("/")[2]
    words = f"{shown.replace('-', ' ')} that are {step.replace('-', ' ')}"
    name = f"{shown}.{step}"
    does = f"Lists {words}"
    return Endpoint("GET", view.path, name, does, gives=Gives.COLLECTION, resource=shown, synced=True)


def _values(template: str, path: str) -> tuple[str, ...] | None:
    """What fills the gaps of a template in a path; None where it does not fit."""
    own, given = template.split("/"), path.split("/")
    if len(own) != len(given):
        return None
    pairs = list(zip(own, given, strict=True))
    if not all(part.startswith("{") or part == step for part, step in pairs):
        return None
    return tuple(unquote(step) for part, step in pairs if part.startswith("{"))
