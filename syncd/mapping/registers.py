"""``registers:`` of syncd.yaml as data: which public registers are asked about tax numbers. Asks nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from syncd.mapping.scalars import Duration, Whole
from syncd.mapping.spec import Strict

Requests = Annotated[Whole, Field(ge=1, le=100_000)]


class ViesSpec(Strict):
    """VIES: numbers of the European Union. One request for each number."""

    url: str = Field(
        default="https://ec.europa.eu/taxation_customs/vies/rest-api", pattern="^https?://", description="Its address."
    )
    requester: str = Field(
        default="",
        pattern=r"^$|^[A-Z]{2}[0-9A-Z+*]{2,14}$",
        description="Your own VAT number with its prefix; with it VIES gives a consultation number as proof.",
    )
    budget: Requests = Field(default=200, description="Requests a day, all daemons together.")


class WhiteListSpec(Strict):
    """The Polish list of VAT payers, with bank accounts. Thirty numbers a request."""

    url: str = Field(default="https://wl-api.mf.gov.pl", pattern="^https?://", description="Its address.")
    budget: Requests = Field(
        default=10, description="Requests a day, all daemons together; the list itself allows few."
    )


class RegisterSettings(Strict):
    """Public registers that are asked about tax numbers of possible duplicates. None unless it is named here."""

    vies: ViesSpec | None = Field(default=None, description="VIES; `vies: {}` asks it.")
    white_list: WhiteListSpec | None = Field(
        default=None, description="The Polish white list; `white_list: {}` asks it."
    )
    timeout: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=1),  # one request must end before the right to send it does
        description="How long one answer may take.",
    )
    valid: Duration = Field(
        default=timedelta(days=30),
        ge=timedelta(hours=1),
        description='How long "valid" counts before it is asked again.',
    )
    invalid: Duration = Field(default=timedelta(days=3), ge=timedelta(hours=1), description='The same for "not valid".')
