"""Counterparties: the parties on the other side of bank transactions, as a declaration. Holds data only."""

from __future__ import annotations

from typing import Final

from syncd.connectors.flowtly.catalogue import ALL, Field, KeyForm, Resource
from syncd.connectors.flowtly.resources.parts import WRITES, computed, identity, reference

_ENRICHED: Final = frozenset({"writable", "volatile"})

COUNTERPARTIES: Final = Resource(
    name="counterparties",
    path="/counterparties",
    verbs=ALL,
    key_form=KeyForm.INTEGER,
    fields=(
        identity("integer"),
        Field("type", nullable=False, guessed=WRITES),
        reference("supplier", "suppliers"),
        reference("client", "clients"),
        Field("requireAttachment", "boolean", nullable=False),
        Field("cyclic", "boolean", nullable=False),
        Field("budgetNeutral", "boolean", nullable=False),
        # Flowtly's own enrichment may rewrite these two at any time.
        Field("logoUrl", volatile=True, guessed=_ENRICHED),
        Field("corporateWebsiteUrl", volatile=True, guessed=_ENRICHED),
        reference("defaultProject", "projects"),
        Field("bankAccounts", "json", nullable=False, guessed=WRITES),
        # Moves with every import of transactions.
        computed("transactionsCount", "integer", nullable=False, volatile=True),
        Field("tin", guessed=WRITES),
        computed("supplierTin"),
        computed("clientTin"),
        # Looks computed, and yet nothing else could name a new counterparty; the recorded server required it.
        Field("displayName", nullable=False, guessed=WRITES),
        computed("costGroup", "json"),
        computed("costGroupIcon"),
    ),
    natural_keys=(("tin",), ("client",), ("supplier",), ("displayName",)),
    filters=("tin", "client", "supplier"),
    # The schema's name has a group for items of its own, so a list may say less. None is known to.
    guessed=frozenset({"natural_keys", "filters", "item_only"}),
)
