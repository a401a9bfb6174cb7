"""A client of every published endpoint, for scripts and for people at a terminal. A synchronisation never has one.

What changes records or sends mail is called only where the caller says ``yes=True``. A change whose answer was lost is
an UnknownOutcome and never repeated. What is not declared in ``endpoints`` cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.client_uploads import Uploaded, Uploads
from syncd.connectors.flowtly.connector import FlowtlyConnector, http_client
from syncd.connectors.flowtly.endpoints import endpoints
from syncd.connectors.flowtly.endpoints_words import Body, Effect, Endpoint, Gives, Id
from syncd.connectors.flowtly.envelope import read_envelope
from syncd.connectors.flowtly.overrides import overridden
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.connectors.flowtly.transfer import Check, Saved, Told, save
from syncd.connectors.flowtly.transfer_content import check_mt940, check_zip
from syncd.connectors.http import Answer, HttpClient, JsonTrouble, Multipart, Request, dump_json, unreadable
from syncd.errors import BadAnswer, Refused
from syncd.ports import Clock

_NAME: Final = "flowtly"
_ACCEPT: Final = {"accept": "application/ld+json, application/json;q=0.9"}
_TYPES: Final = {
    Body.JSON: ("application/ld+json", "application/json"),
    Body.MERGE_PATCH: ("application/merge-patch+json",),
}
_CHECKS: Final[Mapping[str, Check]] = {
    "transactions.export-mt940": check_mt940,
    "transactions.export-attachments": check_zip,
}
Query = Mapping[str, str | int | Sequence[str]]


class FlowtlyClient:
    """Calls to one tenant. Thread-safe. Numbers in bodies and answers are int and Decimal, never float."""

    def __init__(self, http: HttpClient, settings: FlowtlySettings) -> None:
        self._http, self._limits = http, settings.transfers
        self._addresses = Addresses(settings.url, settings.iri_prefix)
        self.endpoints = endpoints(overridden(settings.resources))
        unmeasured = settings.model_copy(update={"capabilities": None})
        self._reader = FlowtlyConnector(_NAME, http, self._addresses, unmeasured)

    def __repr__(self) -> str:
        return f"FlowtlyClient({self._addresses.base!r})"

    @classmethod
    def from_settings(cls, settings: FlowtlySettings, clock: Clock) -> Self:
        """A client with connections of its own; it has not sent anything yet."""
        return cls(http_client(_NAME, settings, clock), settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def call(self, name: str, *values: Id, query: Query | None = None, body: Any = None, yes: bool = False) -> Any:
        """The JSON data that an endpoint answers, as it came; None where it answers nothing. Of a list one page.

        ``name`` is an endpoint's, ``values`` fill the gaps of its path. Raises Refused before anything is sent for a
        call that is not declared, lacks something, or changes or sends without ``yes``; then NotFound, Denied, Later,
        Refused, BadAnswer, and UnknownOutcome for a change that may have been made.
        """
        endpoint = self.endpoints.named(name)
        if endpoint.effect is Effect.FILE:
            raise Refused(f"{endpoint} gives a file: fetch it with download")
        url = self._meant(endpoint, values, query, body, yes=yes)
        if body is not None and not _takes_json(endpoint):
            raise Refused(f"{endpoint} takes no JSON body")
        if endpoint.takes == (Body.MULTIPART,):
            raise Refused(f"{endpoint} takes a file: send it with upload")
        request, answer = self._sent(endpoint, url, body)
        return self._data(endpoint, request, answer)

    def upload(
        self,
        name: str,
        *values: Id,
        file: Path,
        fields: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
        yes: bool = False,
    ) -> Any:
        """Send a file as the ``file`` of a form with text ``fields``, without a look first; answers as ``call``.

        For attachments there is ``upload_attachment``, which does not send a file twice.
        """
        endpoint = self.endpoints.named(name)
        if Body.MULTIPART not in endpoint.takes:
            raise Refused(f"{endpoint} takes no file")
        url = self._meant(endpoint, values, None, fields, yes=yes)
        form = self._form(file, media_type, fields or {})
        headers, wait = {**_ACCEPT, **form.headers}, self._limits.deadline.total_seconds()
        request = Request(endpoint.method, url, headers, form, deadline=wait)
        return self._data(endpoint, request, self._http.send(request))

    def download(
        self,
        name: str,
        *values: Id,
        target: Path,
        query: Query | None = None,
        body: Any = None,
        told: Told = lambda _done, _total: None,
    ) -> Saved:
        """Fetch a file to ``target``, checked; ``told`` hears how far it is. Raises as ``transfer.save``."""
        endpoint = self.endpoints.named(name)
        if endpoint.effect is not Effect.FILE:
            raise Refused(f"{endpoint} gives no file: use call")
        url = self._meant(endpoint, values, query, body, yes=True)
        headers, payload = {"accept": "*/*"}, None
        if _takes_json(endpoint):
            headers["content-type"], payload = _TYPES[Body.JSON][0], _dumped(endpoint, body)
        # An export changes nothing, so it may be asked for again also where it is a POST.
        request = Request(endpoint.method, url, headers, payload, repeatable=True)
        return save(self._http, request, target, _CHECKS[endpoint.name], self._limits, told)

    # ------------------------------------------------------------------ what scripts want most

    def send_invoice(self, invoice: Id, *, recipients: Sequence[str] | None = None, yes: bool = False) -> Any:
        """E-mail one invoice to ``recipients``, or to whom Flowtly chooses. That a body may name them is a guess."""
        body = None if recipients is None else {"recipients": list(recipients)}
        return self.call("invoices.send", invoice, body=body, yes=yes)

    def merge_counterparties(self, survivor: Id, losers: Sequence[str], *, yes: bool = False) -> Any:
        """Merge the counterparties with the IRIs ``losers`` into ``survivor``, for good; the survivor as it is then.

        Flowtly does not publish the body; this is that of the recorded servers (case 198). Use ``call`` for another.
        """
        return self.call("counterparties.merge", survivor, body={"counterparties": list(losers)}, yes=yes)

    def import_transactions(self, rows: Sequence[Mapping[str, Any]], *, yes: bool = False) -> Any:
        """Import transactions given as ``POST /transactions`` takes them. The payload is unpublished: a guess."""
        return self.call("transactions.import", body=[dict(row) for row in rows], yes=yes)

    def export_mt940(self, target: Path, *, query: Query | None = None, told: Told = lambda _d, _t: None) -> Saved:
        """Bank statements as MT940 in ``target``. Which query it understands is unpublished."""
        return self.download("transactions.export-mt940", target=target, query=query, told=told)

    def export_attachments(
        self, target: Path, *, transactions: Sequence[str] | None = None, told: Told = lambda _d, _t: None
    ) -> Saved:
        """The attachments of ``transactions`` (IRIs), or all, as a zip in ``target``. The body is a guess."""
        body = None if transactions is None else {"transactions": list(transactions)}
        return self.download("transactions.export-attachments", target=target, body=body, told=told)

    def upload_attachment(
        self,
        file: Path,
        *,
        fields: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
        again: bool = False,
        yes: bool = False,
    ) -> Uploaded:
        """Upload a file as an attachment, unless Flowtly has it already: that is looked for before.

        Run again after a lost answer, it finds what arrived. ``again`` sends it though it is there. Raises as
        ``upload``, and Refused where an attachment of this name is there and nothing tells whether it is the same.
        """
        name = "transaction-attachments.upload"
        self._meant(self.endpoints.named(name), (), None, fields, yes=yes)
        self._form(file, media_type, fields or {})
        uploads = Uploads(self._reader, self._limits.max_bytes)
        return uploads.once(
            file,
            lambda: self.upload(name, file=file, fields=fields, media_type=media_type, yes=yes),
            again=again,
        )

    def suggestions(self, transaction: Id) -> Any:
        """What AI proposes for a transaction."""
        return self.call("transactions.suggestions", transaction)

    def apply_suggestion(self, transaction: Id, suggestion: Id, *, yes: bool = False) -> Any:
        """Apply one proposal to a transaction."""
        return self.call("transactions.apply-suggestion", transaction, suggestion, yes=yes)

    # ------------------------------------------------------------------ one request

    def _meant(self, endpoint: Endpoint, values: Sequence[Id], query: Query | None, body: Any, *, yes: bool) -> str:
        """The URL of a call that may be made. Raises Refused."""
        url = self._addresses.base + endpoint.filled(values)
        if endpoint.asks_first and not yes:
            raise Refused(f"{endpoint.warning(values, body)}; say yes to have it done")
        return f"{url}?{urlencode(query, doseq=True, quote_via=quote)}" if query else url

    def _form(self, file: Path, media_type: str, fields: Mapping[str, str]) -> Multipart:
        """The form of an upload. Raises Refused for a file that is too large, or cannot be read."""
        limit = self._limits.max_bytes
        try:
            if file.stat().st_size > limit:
                raise Refused(f"{file} is larger than {limit} bytes")
            return Multipart(file, media_type, fields)
        except OSError as error:
            raise Refused(f"{file} cannot be read: {error.strerror}") from None

    def _sent(self, endpoint: Endpoint, url: str, body: Any) -> tuple[Request, Answer]:
        """A successful answer. A server that does not take JSON-LD says 415 and has done nothing: JSON once then."""
        payload = _dumped(endpoint, body) if endpoint.takes else None
        for kind in next((_TYPES[form] for form in endpoint.takes if form in _TYPES), ("",)):
            headers = {**_ACCEPT, "content-type": kind} if kind else _ACCEPT
            request = Request(endpoint.method, url, headers, payload)
            answer = self._http.ask(request)
            if answer.status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                break
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._http.trouble(request, answer)
        return request, answer

    def _data(self, endpoint: Endpoint, request: Request, answer: Answer) -> Any:
        """The answer's data, if it is of the form that the endpoint gives."""
        if endpoint.gives is Gives.NOTHING or (endpoint.gives is Gives.ANY and not answer.body):
            return None
        try:
            data = answer.json()
            if endpoint.gives is Gives.COLLECTION:
                read_envelope(data, request.label)
            elif endpoint.gives is Gives.ITEM and not isinstance(data, dict):
                raise BadAnswer(f"a record was expected, not {type(data).__name__}")
        except (JsonTrouble, BadAnswer) as error:
            raise self._http.named(unreadable(request, f"status {answer.status}, but {error}")) from None
        return data


def _takes_json(endpoint: Endpoint) -> bool:
    return not {Body.JSON, Body.MERGE_PATCH}.isdisjoint(endpoint.takes)


def _dumped(endpoint: Endpoint, body: Any) -> bytes:
    """The body; where none is given an empty object, since an empty body is refused (recorded: case 118)."""
    try:
        return dump_json({} if body is None else body)
    except JsonTrouble as error:
        raise Refused(f"{endpoint}: the body cannot be sent: {error}") from None
