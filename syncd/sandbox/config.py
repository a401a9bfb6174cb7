"""How one sandbox is set up. Holds values only; must never act."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

Envelope: TypeAlias = Literal["hydra", "plain"]
References: TypeAlias = Literal["iri", "code"]

IRI_PREFIX: Final = "/api"
"""What every IRI in an answer begins with, also on a front that hides the prefix (recorded: front without prefix)."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything a sandbox can be told.

    ``envelope``: ``hydra`` answers as API Platform 3.4 did, ``plain`` as 4.3 did, in every recorded difference.
    ``prefix``: ``/api``, or empty for a front that hides it; IRIs say ``/api`` either way.
    ``references``: ``iri`` (country and currency are IRIs, as Flowtly's pages say, and required) or ``code`` (ISO
    codes with defaults, as the recorded servers had them).
    ``clients``, ``counterparties``, ``budgets``, ``transactions``, ``invoices``, ``attachments``: how much sample data
    there is; ``empty`` leaves reference data only. All are ignored when ``data`` exists.
    ``linked_amounts``: budgets answer ``linkedAmount``, a field of this sandbox alone: what their transaction links
    weigh, in minor units, a cost being positive.
    ``token_ttl``: seconds. ``now``: seconds since 1970; tests move it to let tokens expire.
    """

    host: str = "127.0.0.1"
    port: int = 0
    data: Path | None = None
    envelope: Envelope = "hydra"
    prefix: str = IRI_PREFIX
    seed: int = 1
    clients: int = 65
    counterparties: int = 24
    budgets: int = 6
    transactions: int = 120
    invoices: int = 24
    attachments: int = 12
    linked_amounts: bool = False
    empty: bool = False
    token_ttl: float = 3600
    user: str = "sync@flowtly.test"
    password: str = "sandbox"  # noqa: S105 - the published password of a local toy
    reader: str = "reader@flowtly.test"
    static_token: str | None = None
    page_size: int = 30
    max_page_size: int = 100
    references: References = "iri"
    log_requests: bool = False
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.prefix and not (self.prefix.startswith("/") and len(self.prefix) > 1 and self.prefix[-1] != "/"):
            raise ValueError(f"prefix must be empty or a path such as {IRI_PREFIX!r}, not {self.prefix!r}")
        if self.envelope not in ("hydra", "plain"):
            raise ValueError(f"envelope must be 'hydra' or 'plain', not {self.envelope!r}")
        if self.references not in ("iri", "code"):
            raise ValueError(f"references must be 'iri' or 'code', not {self.references!r}")
        if self.page_size < 1 or self.max_page_size < 1 or self.token_ttl <= 0:
            raise ValueError("page_size, max_page_size and token_ttl must be positive")
        sizes = (self.clients, self.counterparties, self.budgets, self.transactions, self.invoices, self.attachments)
        if min(sizes) < 0:
            raise ValueError("there cannot be less than no sample data")
