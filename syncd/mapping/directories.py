"""The ``dedupe:`` block of syncd.yaml as data: which parties are searched for duplicates, what may follow. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.scalars import Duration, Shown, Whole
from syncd.mapping.spec import Choices, Strict

Tier: TypeAlias = Literal["T1", "T2", "T2b", "T3", "T4", "T5", "T6"]
FLOWTLY: Final = "flowtly"
PLACEHOLDERS: Final = frozenset({"loser", "survivor", "loser_id", "survivor_id"})
_LOSERS: Final = frozenset({"loser", "loser_id"})
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def _paths(data: Any) -> Any:
    paths = data if isinstance(data, list | tuple) else [data]
    if not paths or not all(isinstance(path, str) and path.strip() for path in paths):
        raise ValueError(
            "must be the name of a raw field, or a list of names of which the first that has a value counts"
        )
    return tuple(paths)


Paths: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_paths),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    Shown("name or list of names"),
]


class PartyFields(Strict):
    """Which raw fields say what. ``client.name`` is the field ``name`` of the record that ``client`` refers to."""

    name: Paths = Field(default=(), description="The legal name; of several the first that has a value.")
    display: Paths = Field(default=(), description="A name that is only shown; used where there is no legal name.")
    tin: Paths = Field(default=(), description="Tax number.")
    country: Paths = Field(default=(), description="Two-letter country.")
    accounts: Paths = Field(default=(), description="Bank accounts; a list, or fields that are all taken.")
    street: Paths = Field(default=(), description="Street and house number; of several all are joined.")
    postal: Paths = Field(default=(), description="Postal code.")
    city: Paths = Field(default=(), description="City.")
    website: Paths = Field(default=(), description="Web site; not one that was guessed from the name.")
    email: Paths = Field(default=(), description="E-mail address.")
    phone: Paths = Field(default=(), description="Phone number.")
    regno: Paths = Field(default=(), description="Number in a company register.")
    client: Paths = Field(default=(), description="Reference to the client; two different ones are two companies.")
    supplier: Paths = Field(default=(), description="Reference to the supplier; two different ones are two companies.")
    client_tin: Paths = Field(default=(), description="The client's tax number, where the record carries a copy.")
    supplier_tin: Paths = Field(default=(), description="The supplier's tax number, where the record carries a copy.")


COUNTERPARTY_FIELDS: Final = PartyFields(
    name=("client.name",),  # where suppliers can be read: [client.name, supplier.name]
    display=("displayName",),
    tin=("tin", "clientTin", "supplierTin"),
    country=("client.tinCountry", "client.country.code"),
    accounts=("bankAccounts",),
    street=("client.addressStreetLine", "client.addressBuildingNumber"),
    postal=("client.addressPostCode",),
    city=("client.addressCity",),
    phone=("client.addressPhoneNumber",),
    client=("client",),
    supplier=("supplier",),
    client_tin=("clientTin",),
    supplier_tin=("supplierTin",),
)
CLIENT_FIELDS: Final = PartyFields(
    name=("name",),
    tin=("tin",),
    country=("tinCountry", "country.code"),
    street=("addressStreetLine", "addressBuildingNumber"),
    postal=("addressPostCode",),
    city=("addressCity",),
    phone=("addressPhoneNumber",),
)
KNOWN_FIELDS: Final[Mapping[str, PartyFields]] = {"counterparties": COUNTERPARTY_FIELDS, "clients": CLIENT_FIELDS}
"""Of Flowtly's resources, what need not be said. Web sites are left out: its enrichment guesses them from names."""

MERGEABLE: Final = "counterparties"
"""The one resource of which Flowtly merges records."""


class MergeSpec(Strict):
    """How two records become one at the peer. Without this block nothing is ever merged."""

    body: dict[str, Any] = Field(
        min_length=1,
        description="The request's body. Flowtly does not publish it. {loser} and {survivor} stand for the records' "
        "IRIs, {loser_id} and {survivor_id} for their numbers.",
    )
    max_merges: Annotated[Whole, Field(ge=1)] = Field(default=5, description="Merges that one run may carry out.")


class DirectorySpec(Strict):
    """A set of parties that is searched for duplicates."""

    system: str = Field(default=FLOWTLY, description="flowtly, or a system of syncd.yaml (cases only, no merges).")
    resource: str = Field(min_length=1, description="What to read there: counterparties, a table.")
    key: str | None = Field(default=None, min_length=1, description="The raw field that identifies a record.")
    where: dict[str, Choices] = Field(
        default_factory=dict, description="Only records whose raw field equals this value, or one of a list."
    )
    fields: PartyFields | None = Field(
        default=None, description="Which raw fields say what; known already for Flowtly's counterparties."
    )
    country: str | None = Field(
        default=None,
        description="Country of records that name none, such as PL. Only their tax numbers are read with it.",
    )
    automatic: tuple[Tier, ...] = Field(
        default=(), description="Tiers whose pairs are merged without a person. None unless you say so."
    )
    proposed: tuple[Tier, ...] = Field(
        default=("T1",), description="Tiers whose pairs are put into a merge plan that a person approves as a whole."
    )
    merge: MergeSpec | None = Field(default=None, description="How records are merged; nothing is merged without it.")
    block_cap: Annotated[Whole, Field(ge=2)] = Field(
        default=120, description="Keys shared by more records than this bring no pair together; they are logged."
    )
    every: Duration = Field(default=timedelta(days=1), ge=timedelta(seconds=1), description="How often it is searched.")

    @property
    def party_fields(self) -> PartyFields:
        """Which raw fields say what. The settings do not let a directory pass that has none."""
        known = KNOWN_FIELDS.get(self.resource) if self.system == FLOWTLY else None
        return self.fields or known or PartyFields()


def directory_problems(
    directories: Mapping[str, DirectorySpec], node: Node, systems: Collection[str], countries: Collection[str]
) -> Iterator[Problem]:
    """What cannot be, by the configuration alone. ``node`` is the whole file; ``systems`` has flowtly."""
    for name, spec in directories.items():
        place = node.at("dedupe", name)
        if spec.system not in systems:
            hint = did_you_mean(spec.system, systems) or f"known: {', '.join(sorted(systems))}"
            yield place.at("system").problem(f"dedupe.{name}.system: no system is called {spec.system!r}", hint)
        if spec.country is not None and spec.country not in countries:
            hint = did_you_mean(spec.country.upper(), countries) or f"known: {', '.join(sorted(countries))}"
            told = f"dedupe.{name}.country: no tax numbers of {spec.country!r} can be checked"
            yield place.at("country").problem(told, hint)
        fields = spec.party_fields
        if spec.fields is None and fields == PartyFields():
            hint = "say which raw fields are name, tin, accounts and so on"
            yield place.problem(f"dedupe.{name}: missing key 'fields' for {spec.system} {spec.resource}", hint)
        elif not fields.name and not fields.display:
            hint = "parties are never compared without a name"
            yield place.at("fields").problem(f"dedupe.{name}.fields: neither name nor display is given", hint)
        yield from _merge_problems(name, spec, place)


def _merge_problems(name: str, spec: DirectorySpec, place: Node) -> Iterator[Problem]:
    """A merge cannot be undone, so what it would do is never left to chance."""
    at = place.key_node("merge") or place
    if spec.merge is None:
        if spec.automatic:
            hint = "without merge nothing is merged; review needs no tier"
            yield place.at("automatic").problem(f"dedupe.{name}.automatic: there is no merge to be automatic", hint)
        return
    if (spec.system, spec.resource) != (FLOWTLY, MERGEABLE):
        hint = f"only {FLOWTLY} {MERGEABLE} can be merged; elsewhere people merge and syncd follows"
        yield at.problem(f"dedupe.{name}.merge: {spec.system} {spec.resource} has no merge", hint)
    texts = list(_texts(spec.merge.body))
    named = {word for text in texts for word in _PLACEHOLDER.findall(text)}
    for word in sorted(named - PLACEHOLDERS):
        hint = did_you_mean(word, PLACEHOLDERS) or f"known: {', '.join(sorted(PLACEHOLDERS))}"
        yield place.at("merge", "body").problem(f"dedupe.{name}.merge.body: {{{word}}} stands for nothing", hint)
    if not named & _LOSERS:
        hint = "a body that names no loser could merge anything"
        yield place.at("merge", "body").problem(f"dedupe.{name}.merge.body: neither {{loser}} nor {{loser_id}}", hint)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    parts: Iterable[Any] = data.values() if isinstance(data, dict) else data if isinstance(data, list | tuple) else ()
    for part in parts:
        yield from _texts(part)
