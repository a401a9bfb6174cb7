"""The connector: ``ports.Connector`` for Flowtly. It sends nothing but reads, POSTs to a collection and merge patches.

Flowtly has no locks and no idempotency keys: reading before and comparing after a write is the engine's work, and an
answer that was lost is always an UnknownOutcome here, never a second attempt. Sending invoices and clearing an
organization are never reached: every address is a catalogued resource or one record of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.ahead import read_ahead
from syncd.connectors.flowtly.calls import Calls
from syncd.connectors.flowtly.catalogue import Resource, Verb
from syncd.connectors.flowtly.envelope import Form
from syncd.connectors.flowtly.find import matches, server_filter
from syncd.connectors.flowtly.resources import resource_named
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.connectors.http import Credentials, HttpClient, LoginToken, Options, StaticToken
from syncd.errors import Refused
from syncd.ports import Capabilities, Clock, Page, Query, Raw, Record, Shape


class FlowtlyConnector:
    """One Flowtly tenant. Thread-safe. Made by ``from_settings``."""

    Settings = FlowtlySettings

    def __init__(self, name: str, client: HttpClient, addresses: Addresses, page_size: int, concurrency: int) -> None:
        self._name, self._client, self._addresses, self._concurrency = name, client, addresses, concurrency
        self._calls = Calls(client, addresses, page_size)

    def __repr__(self) -> str:
        return f"FlowtlyConnector({self._name!r})"

    @classmethod
    def from_settings(cls, name: str, settings: FlowtlySettings, clock: Clock) -> Self:
        """A connector that has not sent anything yet."""
        options = Options(
            timeout=settings.timeout.total_seconds(),
            deadline=settings.deadline.total_seconds(),
            retries=settings.retries,
            concurrency=settings.concurrency,
            most=settings.concurrency * 2,
        )
        headers = {} if settings.instance is None else {"instance": settings.instance}
        client = HttpClient(name, options, clock, _credentials(settings, clock, headers), headers)
        addresses = Addresses(settings.url, settings.iri_prefix)
        return cls(name, client, addresses, settings.page_size, settings.concurrency)

    @property
    def requests(self) -> int:
        """How many requests were sent so far, logins and retries included."""
        return self._client.requests

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def capabilities(self, query: Query) -> Capabilities:
        """By the catalogue. Flowtly compares nothing on a write; only a documented change stamp may decide "newest"."""
        resource = resource_named(query.resource)
        return Capabilities(
            create=Verb.CREATE in resource.verbs,
            update=Verb.PATCH in resource.verbs,
            delete=Verb.DELETE in resource.verbs,
            incremental=False,
            atomic_update=False,
            trusted_time=resource.stamp is not None,
            filters=bool(resource.filters),
            concurrency=self._concurrency,
        )

    def shape(self, query: Query) -> Shape | None:
        """The catalogue's declaration; open where Flowtly publishes no schema."""
        return resource_named(query.resource).shape

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:  # noqa: ARG002 - there is no change cursor
        """All records, the next page being fetched while one is worked on. The cursor is of no use here."""
        resource = resource_named(query.resource)
        return read_ahead(lambda stop: self._calls.walk(resource, {}, stop))

    def read(self, query: Query, key: str) -> Record:
        """One record. NotFound only where the API itself says so; a proxy's or the router's 404 is BadAnswer."""
        return self._calls.get(resource_named(query.resource), key)

    def create(self, query: Query, fields: Raw) -> Record:
        """Create and return the record of the 201 answer.

        Raises Refused, Denied, RateLimited and Later when nothing was created, UnknownOutcome when nobody can tell.
        """
        resource = _allowing(Verb.CREATE, query)
        return self._calls.post(resource, self._calls.payload(resource, fields))

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Merge-patch only ``fields`` and return the record of the answer.

        Flowtly ignores ``If-Match`` (recorded: case 172), so it never raises Stale: the caller reads before.
        """
        resource = _allowing(Verb.PATCH, query)
        payload = self._calls.payload(resource, fields)
        return self._calls.patch(resource, key, payload) if payload else expected

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Records whose raw fields equal ``values`` (text: but for case and spacing), to a proven end.

        A candidate filter narrows the walk where the server knows it; where it is refused the whole is walked.
        """
        resource = resource_named(query.resource)
        self._calls.known(resource, values)
        narrowed = server_filter(resource, values, self._addresses.prefix)
        try:
            yield from self._matching(resource, narrowed, values)
        except Refused:
            if not narrowed:
                raise
            yield from self._matching(resource, {}, values)

    def rows(self, resource: str) -> Iterator[Raw]:
        """All rows of a resource, raw, each with its IRI under ``@key``."""
        for page in self._calls.walk(resource_named(resource), {}):
            for record in page.records:
                yield {**record.raw, "@key": record.key}

    def check(self) -> str:
        """Prove address and credentials by reading the organizations, or a client where these are not for us."""
        resource, envelope = self._calls.glance(resource_named("organizations"), otherwise=resource_named("clients"))
        count = len(envelope.members) if envelope.total is None else envelope.total
        noun = resource.name if count != 1 else resource.name.removesuffix("s")
        form = "bare arrays" if envelope.form is Form.ARRAY else f"{envelope.form} envelope"
        return f"Flowtly answers at {self._addresses.base}: {count} {noun}, {form}"

    def _matching(self, resource: Resource, filters: Mapping[str, str], values: Raw) -> Iterator[Record]:
        for page in self._calls.walk(resource, filters):
            for record in page.records:
                if matches(record.raw, values):
                    yield record


def _allowing(verb: Verb, query: Query) -> Resource:
    """The resource of a query, if this can be done with it. Raises Refused."""
    resource = resource_named(query.resource)
    if verb not in resource.verbs:
        raise Refused(f"Flowtly has no {verb} for {resource.name}")
    return resource


def _credentials(settings: FlowtlySettings, clock: Clock, headers: Mapping[str, str]) -> Credentials:
    if settings.login is not None:
        login = settings.login
        url = settings.url + login.path if login.path.startswith("/") else login.path
        return LoginToken(url, login.username, login.password.get_secret_value(), clock, headers)
    if settings.token is None:
        raise Refused("Flowtly needs a token or a login")  # the settings model does not let this pass
    return StaticToken(settings.token.get_secret_value())
