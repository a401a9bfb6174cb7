"""``events:`` and ``hooks:`` of ``syncd.yaml`` as data: what is watched, who is told, who may wake us. No logic."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from syncd.core.signing import Scheme, key_of
from syncd.mapping.events import EventSpec, Several
from syncd.mapping.scalars import Duration, Secret, SecretUrl, Whole
from syncd.mapping.spec import NAME_PATTERN, Strict

TOTAL, COUNT, EMPTY = "total", "count", "empty"
_SECOND: Final = timedelta(seconds=1)
_HEADER: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class SumSpec(Strict):
    """Records added up into one for each value of a field."""

    by: str = Field(min_length=1, description="The raw field that says which sum a record belongs to: `budget`.")
    of: str = Field(min_length=1, description="The raw field that is added up: `amount`.")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a sum: the one it is made by, the total, how many records, how many of them had no number."""
        return (self.by, TOTAL, COUNT, EMPTY)


class WatchSpec(Strict):
    """A resource whose changes are told, with no mapping."""

    name: Name = Field(description="The watch's name, unique among the watches.")
    system: str = Field(default="flowtly", description="Which system of syncd.yaml, or flowtly.")
    resource: str = Field(min_length=1, description="What is read there: `invoices`.")
    key: str | None = Field(
        default=None, min_length=1, description="The raw field that identifies a record, where the peer does not say."
    )
    where: dict[str, Several] = Field(
        default_factory=dict, description="Only records whose raw field equals this value, or one of a list."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")
    fields: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="The raw fields that are remembered, compared and told."
    )
    sum: SumSpec | None = Field(default=None, description="Watch sums of the records instead of the records.")
    every: Duration = Field(default=timedelta(minutes=5), ge=_SECOND, description="Between two walks.")
    initial: Literal["silent", "emit"] = Field(
        default="silent", description="Whether what the first complete walk finds is told as having appeared."
    )
    emit: tuple[EventSpec, ...] = Field(min_length=1, description="The events.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.fields) == (self.sum is not None):
            raise ValueError("give either fields or sum")
        if self.sum is not None and self.sum.by in {TOTAL, COUNT, EMPTY}:
            raise ValueError(f"a sum cannot be made by a field called {self.sum.by}")
        return self

    @property
    def known(self) -> tuple[str, ...]:
        """The fields that the conditions may name."""
        return self.fields if self.sum is None else self.sum.fields


class WebhookSpec(Strict):
    """A receiver over HTTP, told by signed POSTs in the manner of Standard Webhooks."""

    url: SecretUrl = Field(description="Where to POST: http or https. Redirects are not followed.")
    secret: Secret = Field(description="The secret of the signature: any text, or `whsec_` and Base64.")
    timeout: Duration = Field(
        default=timedelta(seconds=10), ge=_SECOND, le=timedelta(minutes=2), description="Longest time of one delivery."
    )

    @field_validator("url", mode="after")
    @classmethod
    def _is_web(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http or https address")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a user name or password does not belong in the address")
        if parts.fragment or not url.get_secret_value().isprintable() or " " in url.get_secret_value():
            raise ValueError("an address has no fragment and no space")
        _ = parts.port  # raises ValueError when it is not a number
        return url

    @field_validator("secret", mode="after")
    @classmethod
    def _is_key(cls, secret: SecretStr) -> SecretStr:
        return _usable(secret)


class TableSpec(Strict):
    """A table of a configured SQL system, one row an event, the event's id as key."""

    system: str = Field(description="The system of syncd.yaml that has the table.")
    resource: str = Field(default="syncd_events", min_length=1, description="The table.")
    create: bool = Field(default=False, description="Make the table where it is missing.")


class TargetSpec(Strict):
    """One receiver of events."""

    webhook: WebhookSpec | None = Field(default=None, description="Told over HTTP.")
    table: TableSpec | None = Field(default=None, description="Told by rows.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.webhook is None) == (self.table is None):
            raise ValueError("give either webhook or table")
        return self


class RetrySpec(Strict):
    """How often a delivery is tried."""

    first: Duration = Field(default=timedelta(seconds=10), ge=_SECOND, description="Wait after the first failure.")
    longest: Duration = Field(default=timedelta(hours=1), ge=_SECOND, description="The waits double up to this.")
    attempts: Annotated[Whole, Field(ge=1)] = Field(default=40, description="After these it is given up.")
    give_up: Duration = Field(
        default=timedelta(days=3), ge=_SECOND, description="Older than this it is not tried again after a failure."
    )


class EventSettings(Strict):
    """Changes as events: what is watched, and who is told."""

    watches: tuple[WatchSpec, ...] = Field(default=(), description="Resources whose changes are told.")
    targets: dict[Name, TargetSpec] = Field(default_factory=dict, description="Receivers by a name of your choice.")
    every: Duration = Field(default=timedelta(seconds=5), ge=_SECOND, description="How often is looked for deliveries.")
    retry: RetrySpec = Field(default=RetrySpec(), description="How often a delivery is tried.")
    keep: Duration = Field(default=timedelta(days=30), description="How long delivered events are kept.")


class SignatureSpec(Strict):
    """A sender's own way to sign: an HMAC in a header, of the body or of `timestamp.body`."""

    header: Annotated[str, Field(pattern=_HEADER)] = Field(description="The header with the signature.")
    prefix: str = Field(default="", max_length=40, description="What stands before it: `sha256=`.")
    algorithm: Literal["sha1", "sha256", "sha512"] = Field(default="sha256", description="The hash of the HMAC.")
    encoding: Literal["hex", "base64"] = Field(default="hex", description="How it is written.")
    timestamp: Annotated[str, Field(pattern=_HEADER)] | None = Field(
        default=None, description="The header with the seconds since 1970; without it replays cannot be told."
    )

    def scheme(self) -> Scheme:
        """The same for those who verify."""
        return Scheme(self.header, self.prefix, self.algorithm, self.encoding, self.timestamp)


class TokenSpec(Strict):
    """A sender that does not sign: it shows the secret itself."""

    header: Annotated[str, Field(pattern=_HEADER)] | None = Field(default=None, description="In this header.")
    query: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="In this parameter of the address; such addresses end up in logs of proxies."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise ValueError("give either header or query")
        return self


class HookSpec(Strict):
    """Who may wake what: `POST /hooks/NAME`. The body is never believed; it only makes a run begin now."""

    secret: Secret = Field(description="What the sender signs with, or shows.")
    wakes: tuple[str, ...] = Field(min_length=1, description="Mappings, or `watch:NAME`.")
    signature: SignatureSpec | None = Field(default=None, description="By default that of Standard Webhooks.")
    token: TokenSpec | None = Field(default=None, description="For a sender that does not sign.")
    window: Duration = Field(
        default=timedelta(minutes=5), ge=_SECOND, description="How old or new a signed timestamp may be."
    )
    at_most_every: Duration = Field(default=timedelta(seconds=5), ge=_SECOND, description="Between two extra runs.")
    max_bytes: Annotated[Whole, Field(ge=1, le=1 << 24)] = Field(default=1 << 18, description="Largest body.")

    @field_validator("secret", mode="after")
    @classmethod
    def _is_key(cls, secret: SecretStr) -> SecretStr:
        return _usable(secret)

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.signature is not None and self.token is not None:
            raise ValueError("give either signature or token")
        return self


def _usable(secret: SecretStr) -> SecretStr:
    """Raises ValueError, without the secret, for one that is empty or cannot be a key."""
    if not key_of(secret.get_secret_value()):
        raise ValueError("must not be empty")
    return secret
