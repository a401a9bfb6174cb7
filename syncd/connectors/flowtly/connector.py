"""The connector: ``ports.Connector`` for Flowtly. It sends nothing but reads, POSTs to a collection and merge patches.

Merging two counterparties is apart (``merger``): nothing here asks for it.

Flowtly has no locks and no idempotency keys: reading before and comparing after a write is the engine's work, and an
answer that was lost is always an UnknownOutcome here, never a second attempt. Sending invoices and clearing an
organization are never reached: every address is a catalogued resource or one record of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from threading import Event
from typing import Any, Final, Self

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.ahead import read_ahead
from syncd.connectors.flowtly.calls import Calls
from syncd.connectors.flowtly.catalogue import Catalogue, Resource, Verb
from syncd.connectors.flowtly.content import Contents
from syncd.connectors.flowtly.envelope import Form
from syncd.connectors.flowtly.find import server_filter
from syncd.connectors.flowtly.merging import FlowtlyMerger
from syncd.connectors.flowtly.probe import Probe
from syncd.connectors.flowtly.probe_requests import Requests
from syncd.connectors.flowtly.reading import Reading
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.connectors.http import Credentials, HttpClient, LoginToken, Options, StaticToken
from syncd.errors import Refused, SyncdError, UnknownOutcome
from syncd.ports import Capabilities, Clock, ContentSink, Page, Query, Raw, Record, Shape

OWN: Final = "@own"
"""The raw field that marks the one row of a lookup which stands for the user, with ``ME`` as its value."""

ME: Final = "me"


class FlowtlyConnector:
    """One Flowtly tenant. Thread-safe. Made by ``from_settings``."""

    Settings = FlowtlySettings

    def __init__(self, name: str, client: HttpClient, addresses: Addresses, settings: FlowtlySettings) -> None:
        self._name, self._client, self._addresses = name, client, addresses
        self._concurrency, self._catalogue = settings.concurrency, settings.catalogue()
        self._instance = settings.instance
        self._calls = Calls(client, addresses, settings.page_size, self._catalogue)
        self._reading = Reading(self._calls, self._catalogue, settings.concurrency)

    def __repr__(self) -> str:
        return f"FlowtlyConnector({self._name!r})"

    @classmethod
    def from_settings(cls, name: str, settings: FlowtlySettings, clock: Clock) -> Self:
        """A connector that has not sent anything yet."""
        addresses = Addresses(settings.url, settings.iri_prefix)
        return cls(name, http_client(name, settings, clock), addresses, settings)

    @property
    def requests(self) -> int:
        """How many requests were sent so far, logins and retries included."""
        return self._client.requests

    @property
    def catalogue(self) -> Catalogue:
        """What this tenant has: the declarations, overridden and measured."""
        return self._catalogue

    def probe(self, now: Callable[[], datetime], stop: Event | None = None) -> Probe:
        """What measures this tenant, over the same connections and under the same limits."""
        return Probe(Requests(self._client, self._addresses, stop), self._instance, now)

    def merger(self) -> FlowtlyMerger:
        """What merges two counterparties; nothing else here ever asks for it."""
        return FlowtlyMerger(self._client, self._addresses, self._catalogue)

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def capabilities(self, query: Query) -> Capabilities:
        """By the catalogue. Flowtly compares nothing on a write; only a documented change stamp may decide "newest".

        Raises Refused for an unknown resource, and for a ``where`` that names a field the resource does not have.
        """
        resource = self._catalogue.named(query.resource)
        self._calls.known(resource, query.where)
        return Capabilities(
            create=Verb.CREATE in resource.verbs,
            update=Verb.PATCH in resource.verbs,
            delete=Verb.DELETE in resource.verbs,
            incremental=False,
            atomic_update=False,
            trusted_time=resource.stamp is not None,
            filters=bool(resource.filters),
            concurrency=self._concurrency,
            replace={Verb.CREATE, Verb.DELETE} <= set(resource.verbs) and Verb.PATCH not in resource.verbs,
        )

    def shape(self, query: Query) -> Shape | None:
        """The catalogue's declaration; open where Flowtly publishes no schema."""
        return self._catalogue.named(query.resource).shape

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:  # noqa: ARG002 - there is no change cursor
        """All records, the next page being fetched while one is worked on. The cursor is of no use here.

        A field of the query that only items answer costs one request for each record; a contact's client, where the
        contacts do not name it, one or two walks of the clients.
        """
        resource = self._catalogue.named(query.resource)
        return read_ahead(lambda stop: self._reading.pages(resource, query, stop))

    def read(self, query: Query, key: str) -> Record:
        """One record. NotFound only where the API itself says so; a proxy's or the router's 404 is BadAnswer.

        Where Flowtly has no item to read (project-transactions) the list is walked, and NotFound takes two walks. Of a
        view it is the record itself: whether the view still lists it only a walk tells.
        """
        return self._reading.read(self._catalogue.named(query.resource), query, key)

    def create(self, query: Query, fields: Raw) -> Record:
        """Create and return the record of the 201 answer.

        Raises Refused, Denied, RateLimited and Later when nothing was created, UnknownOutcome when nobody can tell.
        """
        resource = self._allowing(Verb.CREATE, query)
        made = self._calls.post(resource, self._calls.payload(resource, fields))
        return self._written(resource, query, made, fields)

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Merge-patch only ``fields`` and return the record of the answer.

        Flowtly ignores ``If-Match`` (recorded: case 172), so it never raises Stale: the caller reads before.
        """
        resource = self._allowing(Verb.PATCH, query)
        payload = self._calls.payload(resource, fields)
        if not payload:
            return expected
        return self._written(resource, query, self._calls.patch(resource, key, payload), fields, expected.raw)

    def delete(self, query: Query, key: str, expected: Record) -> None:  # noqa: ARG002 - Flowtly knows no preconditions
        """Delete one record, where Flowtly has a DELETE for its resource. Raises Refused where it has none.

        Flowtly ignores ``If-Match`` (recorded: case 172), so it never raises Stale: the caller reads before.
        """
        self._calls.delete(self._allowing(Verb.DELETE, query), key)

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Records whose raw fields equal ``values`` (text: but for case and spacing), to a proven end.

        A candidate filter narrows the walk where the server knows it; where it is refused the whole is walked.
        """
        resource = self._catalogue.named(query.resource)
        self._calls.known(resource, values)
        narrowed = server_filter(resource, values, self._addresses.prefix)
        try:
            yield from self._reading.matching(resource, query, narrowed, values)
        except Refused:
            if not narrowed:
                raise
            yield from self._reading.matching(resource, query, {}, values)

    def rows(self, resource: str) -> Iterator[Raw]:
        """All rows of a resource, raw, each with its IRI under ``@key``.

        The row that stands for the user (``/employees/me``) has ``me`` under ``@own``; where Flowtly does not tell
        which it is, none has.
        """
        found = self._catalogue.named(resource)
        own = None if found.own is None else self._calls.own(found.own)
        for page in self._calls.walk(found, {}):
            for record in page.records:
                mark = {OWN: ME} if own is not None and _is_own(record, own) else {}
                yield {**record.raw, "@key": record.key, **mark}

    def fetch(self, reference: str, into: ContentSink) -> None:
        """All bytes that a reference of a record leads to; see ``content``."""
        Contents(self._client, self._addresses).fetch(reference, into)

    def check(self) -> str:
        """Prove address and credentials by reading the organizations, or a client where these are not for us."""
        resource, envelope = self._calls.glance(
            self._catalogue.named("organizations"), otherwise=self._catalogue.named("clients")
        )
        count = len(envelope.members) if envelope.total is None else envelope.total
        noun = resource.name if count != 1 else resource.name.removesuffix("s")
        form = "bare arrays" if envelope.form is Form.ARRAY else f"{envelope.form} envelope"
        return f"Flowtly answers at {self._addresses.base}: {count} {noun}, {form}"

    def _allowing(self, verb: Verb, query: Query) -> Resource:
        """The resource of a query, if this can be done with it. Raises Refused."""
        resource = self._catalogue.named(query.resource)
        if verb not in resource.verbs:
            raise Refused(f"Flowtly has no {verb} for {resource.name}")
        return resource

    def _written(self, resource: Resource, query: Query, record: Record, *hints: Raw) -> Record:
        """The record of a write's answer as a query wants it. The write is done: trouble now leaves it in doubt."""
        try:
            return self._reading.completed(resource, query, record, *hints)
        except SyncdError as error:
            said = f"{record.key} was written, but could not be read as a whole afterwards: {error}"
            raise self._client.named(UnknownOutcome(said)) from None


def _is_own(record: Record, own: Mapping[str, Any]) -> bool:
    """Whether a record is the one an odd path answered; its ``@id`` there may be that path itself."""
    number = own.get("id")
    return own.get("@id") == record.key or (number is not None and number == record.raw.get("id"))


def http_client(name: str, settings: FlowtlySettings, clock: Clock) -> HttpClient:
    """The HTTP client of a tenant, with its limits and credentials. It has not sent anything yet."""
    options = Options(
        timeout=settings.timeout.total_seconds(),
        deadline=settings.deadline.total_seconds(),
        retries=settings.retries,
        concurrency=settings.concurrency,
        most=settings.concurrency * 2,
    )
    headers = {} if settings.instance is None else {"instance": settings.instance}
    return HttpClient(name, options, clock, _credentials(settings, clock, headers), headers)


def _credentials(settings: FlowtlySettings, clock: Clock, headers: Mapping[str, str]) -> Credentials:
    if settings.login is not None:
        login = settings.login
        url = settings.url + login.path if login.path.startswith("/") else login.path
        return LoginToken(url, login.username, login.password.get_secret_value(), clock, headers)
    if settings.token is None:
        raise Refused("Flowtly needs a token or a login")  # the settings model does not let this pass
    return StaticToken(settings.token.get_secret_value())
