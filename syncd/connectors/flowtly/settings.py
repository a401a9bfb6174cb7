"""What an administrator says about a Flowtly tenant. It never shows a secret and never opens a connection."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, Strict, field_validator, model_validator

from syncd.connectors.flowtly.catalogue import Catalogue
from syncd.connectors.flowtly.measured import apply_measured, load_measurement
from syncd.connectors.flowtly.overrides import ResourceName, ResourceOverride, checked, overridden
from syncd.connectors.flowtly.transfer_limits import TransferLimits
from syncd.connectors.http.credentials import header_safe
from syncd.mapping.scalars import Duration, Secret

_CONFIG = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class LoginSettings(BaseModel):
    """A user name and password that are exchanged for a token."""

    model_config = _CONFIG

    path: str = Field(
        default="/login", description="Where to log in: a path below `url`, or a whole URL where that is another host"
    )
    username: str = Field(min_length=1, description="Name of the integration user")
    password: Secret = Field(description="Its password")

    @field_validator("path", mode="after")
    @classmethod
    def _path_is_usable(cls, path: str) -> str:
        if not path.startswith("/"):
            return _web_address(path)
        if path.startswith("//"):
            raise ValueError("a path begins with one slash, such as /login")
        return path


class FlowtlySettings(BaseModel):
    """The settings of the ``flowtly`` section. Exactly one of ``token`` and ``login``."""

    model_config = _CONFIG

    url: str = Field(
        description="What stands before /clients in the address of the clients, such as https://api.flowtly.eu"
    )
    iri_prefix: str = Field(
        default="/api", description="What IRIs in answers begin with, whatever the url says; may be empty"
    )
    token: Secret | None = Field(default=None, description="A long-lived token of the integration user")
    login: LoginSettings | None = Field(default=None, description="User name and password instead of a token")
    instance: str | None = Field(
        default=None, description="The organization to work in, sent as `instance` header; see the organizations list"
    )
    page_size: int = Field(default=100, ge=1, le=1000, description="Records asked for per page; the server may cut it")
    concurrency: int = Field(
        default=2, ge=1, le=16, description="Requests in flight to begin with; at most twice this while all is well"
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30), gt=timedelta(0), description="Longest silence of the server during a request"
    )
    deadline: Duration = Field(
        default=timedelta(seconds=120), gt=timedelta(0), description="Longest time of one request with its retries"
    )
    retries: int = Field(default=4, ge=0, le=10, description="Further attempts of requests that change nothing")
    resources: dict[ResourceName, ResourceOverride] = Field(
        default_factory=dict, description="What this tenant's resources are where the catalogue only guesses"
    )
    capabilities: Annotated[Path, Strict(strict=False)] | None = Field(
        default=None, description="What `syncd probe` measured, a file such as capabilities.yaml"
    )
    transfers: TransferLimits = Field(
        default=TransferLimits(), description="Limits of files that are fetched and sent on request"
    )

    def catalogue(self) -> Catalogue:
        """The resources of this tenant: as shipped, overridden, measured. Raises ConfigError for a bad measurement."""
        declared = overridden(self.resources)
        if self.capabilities is None:
            return declared
        measured = load_measurement(self.capabilities).resources
        return Catalogue(apply_measured(resource, measured.get(name)) for name, resource in declared.items())

    @field_validator("resources", mode="after")
    @classmethod
    def _overrides_fit(cls, resources: dict[str, ResourceOverride]) -> dict[str, ResourceOverride]:
        return checked(resources)

    @field_validator("url", mode="after")
    @classmethod
    def _url_is_usable(cls, url: str) -> str:
        return _web_address(url).rstrip("/")

    @field_validator("iri_prefix", mode="after")
    @classmethod
    def _prefix_is_a_path(cls, prefix: str) -> str:
        cut = prefix.rstrip("/")
        if cut and (not cut.startswith("/") or "//" in cut or not set(cut).isdisjoint("?#\\ ")):
            raise ValueError("a prefix is a path such as /api, or empty")
        return cut

    @field_validator("token", mode="after")
    @classmethod
    def _token_is_sendable(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            header_safe(token.get_secret_value())
        return token

    @field_validator("instance", mode="after")
    @classmethod
    def _instance_is_sendable(cls, instance: str | None) -> str | None:
        return None if instance is None else header_safe(instance)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.token is None) == (self.login is None):
            raise ValueError("give either token or login, and not both")
        return self


def _web_address(url: str) -> str:
    """An http or https URL without user, query or fragment. Raises ValueError without repeating a password."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write the whole address, such as https://api.flowtly.eu")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user name or password does not belong in the address: use token or login")
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError("an address has no query, fragment or space")
    _ = parts.port  # raises ValueError when it is not a number
    return url
