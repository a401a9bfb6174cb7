"""What an administrator says about one Tryton server."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from syncd.mapping.scalars import Duration, Secret


class TrytonSettings(BaseModel):
    """The settings of ``connector: tryton``."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(description="Address of the server without the database, such as https://tryton.example.com:8000")
    database: str = Field(min_length=1, pattern=r"^[^/?#\s]+$", description="Name of the database")
    username: str = Field(min_length=1, description="A Tryton user of its own, with a password and no second factor")
    password: Secret = Field(description="Its password")
    overlap: Duration = Field(
        default=timedelta(minutes=15),
        ge=timedelta(0),
        description="How far an incremental read reaches back behind the cursor; at least the longest transaction",
    )
    page_size: int = Field(default=200, ge=1, le=5000, description="Parties of one request")
    timeout: Duration = Field(
        default=timedelta(seconds=30), gt=timedelta(0), description="Longest silence of the server"
    )
    deadline: Duration = Field(
        default=timedelta(seconds=120), gt=timedelta(0), description="Longest time of one call with its retries"
    )
    retries: int = Field(default=4, ge=0, le=20, description="Further attempts of a call that changes nothing")
    concurrency: int = Field(
        default=1, ge=1, le=8, description="Requests in flight; more than 1 needs PostgreSQL there"
    )

    @field_validator("url", mode="after")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write the server's address like https://tryton.example.com:8000")
        if parts.username or parts.password:
            raise ValueError("the address carries no user or password; they have settings of their own")
        return url.rstrip("/")
