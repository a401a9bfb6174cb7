"""What an administrator says about one database. Never opens a connection and never prints the URL's password."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from syncd.mapping.scalars import Duration, SecretUrl

_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class SqlSettings(BaseModel):
    """The settings of ``connector: sql``."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretUrl = Field(
        description="Database URL, such as postgresql://syncd@db.example.com/erp or sqlite:///erp.db"
    )
    schema_: str | None = Field(default=None, alias="schema", description="Schema of the tables; default: the user's")
    read_only: bool = Field(default=False, description="Refuse every write to this database")
    page_size: int = Field(default=500, ge=1, le=50_000, description="Rows of one page, read in one transaction")
    overlap: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        description="How far an incremental read reaches back behind the cursor; at least the longest transaction",
    )
    overlap_versions: int = Field(
        default=1000, ge=0, description="The same for a cursor column that counts versions instead of telling a time"
    )
    queries: dict[str, str] = Field(
        default_factory=dict, description="Read-only resources: name to SQL text of one SELECT with named columns"
    )
    timezone: str = Field(default="UTC", description="Zone of the time stamps that the database keeps without a zone")
    statement_timeout: Duration = Field(
        default=timedelta(seconds=60), gt=timedelta(0), description="Longest time one statement may run (PostgreSQL)"
    )

    @field_validator("url", mode="after")
    @classmethod
    def _url_is_one(cls, url: SecretStr) -> SecretStr:
        try:
            make_url(url.get_secret_value())
        except (ArgumentError, ValueError) as error:
            raise ValueError("not a database URL; write it like postgresql://user@host:5432/database") from error
        return url

    @field_validator("timezone", mode="after")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise ValueError(f"no time zone is called {zone!r}; write it like Europe/Warsaw") from error
        return zone

    @property
    def zone(self) -> ZoneInfo:
        """The zone of naive time stamps."""
        return ZoneInfo(self.timezone)

    def database_url(self) -> URL:
        """The parsed URL; a PostgreSQL URL that names no driver uses psycopg 3."""
        url = make_url(self.url.get_secret_value())
        return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
