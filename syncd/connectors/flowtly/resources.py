"""Every Flowtly resource that syncd knows, one declaration each. A new resource is one more entry here, nothing else.

Sources: Flowtly's published pages on clients (fields and verbs; the later layout marks what is required), the list of
organization endpoints, and one public integration that shows an organization. Countries, currencies and employees have
no published schema: their fields are guesses, and the resources are open. Nothing here was seen on a live tenant.
"""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, EDIT, READ, Field, KeyForm, Resource
from syncd.errors import Refused
from syncd.mapping.problems import did_you_mean

_TYPE = frozenset({"type"})
_EXISTS = frozenset({"name", "type", "nullable"})
_WRITES = frozenset({"writable"})
_TARGET = frozenset({"reference"})


def _id(form: str) -> Field:
    return Field("id", form, nullable=False, writable=False)


def _stamp(name: str, guessed: frozenset[str] = frozenset()) -> Field:
    return Field(name, "datetime", writable=False, volatile=True, guessed=guessed)


def _required(name: str, *, reference: str | None = None) -> Field:
    guessed = _TARGET if reference is not None else frozenset[str]()
    return Field(name, nullable=False, required=True, reference=reference, guessed=guessed)


_CLIENTS: Final = Resource(
    name="clients",
    path="/clients",
    verbs=EDIT,  # there is no DELETE: a client is retired by its status
    key_form=KeyForm.INTEGER,
    fields=(
        _id("integer"),
        _required("country", reference="countries"),
        _required("currency", reference="currencies"),
        Field("defaultCost", reference="costs", guessed=_TARGET),
        _required("status"),
        Field("attributeSet", reference="attribute-sets", guessed=_TARGET),
        _required("name"),
        Field("dueDays", "integer", nullable=False),
        _required("tinType"),
        Field("tinCountry"),
        Field("tin"),
        Field("externalPaymentCustomerId"),  # belongs to a payment provider: not free for keys of ours
        Field("invoiceComment"),
        Field("defaultTaxRate"),
        Field("documentsLanguage", nullable=False),
        Field("addressPhoneNumber"),
        Field("addressCity"),
        Field("addressPostCode"),
        Field("addressStreetLine"),
        Field("addressBuildingNumber"),
        Field("addressLocaleNumber"),
        Field("addressCountry", reference="countries", guessed=_TARGET),
        # An array is replaced whole and its objects are taken as new records (recorded: cases 174 to 180).
        Field("clientContacts", "json", nullable=False, writable=False, guessed=_WRITES),
        Field("costGroup", "json", writable=False, guessed=_WRITES),
        Field("costGroupIcon", writable=False, guessed=_WRITES),
        # Follows tinCountry and tin (recorded: case 094): write those.
        Field("vatNumber", writable=False, guessed=_WRITES),
    ),
    natural_keys=(("tinCountry", "tin"), ("name", "country")),
    filters=("tin",),
    guessed=frozenset({"natural_keys", "filters"}),
)

_CLIENT_CONTACTS: Final = Resource(
    name="client-contacts",
    path="/client-contacts",
    verbs=ALL,
    key_form=KeyForm.INTEGER,
    fields=(
        _id("integer"),
        # In the later page layout only, and missing from answers (recorded: cases 049 and 136).
        Field(
            "client", nullable=False, required=True, reference="clients", guessed=frozenset({"nullable", "required"})
        ),
        _required("type"),
        Field("position", "integer", nullable=False, guessed=frozenset({"nullable"})),
        _required("email"),
        _required("name"),
        Field("title"),
        Field("phone"),
        _stamp("createdAt"),
        _stamp("updatedAt"),
        Field("possibleTypes", writable=False, volatile=True, guessed=frozenset({"volatile"})),
    ),
    natural_keys=(("client", "email"),),
    filters=("client",),
    stamp="updatedAt",
    guessed=frozenset({"natural_keys", "filters"}),
)

_CLIENT_NOTES: Final = Resource(
    name="client-notes",
    path="/client-notes",
    verbs=ALL,
    key_form=KeyForm.TEXT,
    fields=(
        _id("text"),
        _required("client", reference="clients"),
        _required("employee", reference="employees"),
        _required("note"),
        _stamp("createdAt"),
        _stamp("updatedAt"),
    ),
    filters=("client",),
    stamp="updatedAt",
    guessed=frozenset({"filters"}),
)

_COUNTRIES: Final = Resource(
    name="countries",
    path="/countries",
    verbs=READ,
    key_form=KeyForm.UNKNOWN,
    fields=(
        Field("id", writable=False, guessed=_EXISTS),
        Field("code", writable=False, guessed=_EXISTS),
        Field("name", writable=False, guessed=_EXISTS),
    ),
    natural_keys=(("code",),),
    open=True,
    guessed=frozenset({"path", "verbs", "natural_keys"}),
)

_CURRENCIES: Final = Resource(
    name="currencies",
    path="/currencies",
    verbs=READ,
    key_form=KeyForm.UNKNOWN,
    fields=(
        Field("id", writable=False, guessed=_EXISTS),
        Field("code", writable=False, guessed=_EXISTS),
        Field("name", writable=False, guessed=_EXISTS),
    ),
    natural_keys=(("code",),),
    open=True,
    guessed=frozenset({"path", "verbs", "natural_keys"}),
)

_EMPLOYEES: Final = Resource(
    name="employees",
    path="/employees",
    verbs=READ,  # the API can do more; syncd needs employees only to name the author of a note
    key_form=KeyForm.UNKNOWN,
    fields=(
        Field("id", writable=False, guessed=_EXISTS),
        Field("email", writable=False, guessed=_EXISTS),
        Field("name", writable=False, guessed=_EXISTS),
    ),
    natural_keys=(("email",),),
    open=True,
    guessed=frozenset({"natural_keys"}),
)

_ORGANIZATIONS: Final = Resource(
    name="organizations",
    path="/organizations",
    verbs=READ,
    key_form=KeyForm.TEXT,
    fields=(
        Field("id", nullable=False, writable=False, guessed=_TYPE),
        Field("type", writable=False, guessed=_TYPE),
        Field("status", writable=False, guessed=_TYPE),
        Field("name", writable=False, guessed=_TYPE),
        Field("slug", writable=False, guessed=_TYPE),
        Field("instance", writable=False, guessed=_TYPE),
    ),
    open=True,
)

RESOURCES: Final = {
    resource.name: resource
    for resource in (_CLIENTS, _CLIENT_CONTACTS, _CLIENT_NOTES, _COUNTRIES, _CURRENCIES, _EMPLOYEES, _ORGANIZATIONS)
}


def resource_named(name: str) -> Resource:
    """The declaration of a resource. Raises Refused with the nearest known name."""
    found = RESOURCES.get(name)
    if found is None:
        hint = did_you_mean(name, RESOURCES) or f"known: {', '.join(sorted(RESOURCES))}"
        raise Refused(f"Flowtly has no resource {name!r} that syncd knows ({hint})")
    return found
