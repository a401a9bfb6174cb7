"""Merging counterparties, and the enrichment Flowtly offers for them. The state change of a merge is in ``merging``.

The merge is as the recorded servers did it (cases 198 to 204); the enrichment's answers are modelled.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.actions.declare import Action, Ask
from syncd.sandbox.actions.reading import records
from syncd.sandbox.answer import Answer
from syncd.sandbox.errors import ApiError, Invalid, Violation
from syncd.sandbox.merging import merge_counterparties
from syncd.sandbox.replies import BOTH

_TOO_FEW: Final = ("This collection should contain 1 element or more.", "bef8e338-6ae5-4caf-b8e2-50e7b0579e69")


def _merge(ask: Ask) -> Answer:
    """``{"counterparties": [IRI, ...]}`` go into the one of the path. Raises ApiError 400 or 422."""
    losers = records(ask.kit.state, ask.resource, ask.fields, "counterparties", ask.call.origin)
    if not losers:
        raise Invalid([Violation("counterparties", *_TOO_FEW)])
    if ask.row["id"] in losers:
        raise ApiError(422, "A counterparty cannot be merged into itself.")
    merge_counterparties(ask.kit.state, ask.row["id"], losers)
    return ask.changed()


def _enrich_one(ask: Ask) -> Answer:
    ask.kit.branding.queue([ask.row["id"]])
    return ask.told("BrandingEnrichment", {"queued": [ask.resource.iri(ask.row["id"])]}, 202)


def _enrich_many(ask: Ask) -> Answer:
    """``{"counterparties": [IRI, ...]}``; without a list all that have no logo or website."""
    keys = records(ask.kit.state, ask.resource, ask.fields, "counterparties", ask.call.origin)
    if keys is None:
        rows = ask.kit.state.rows(ask.resource.name)
        keys = [row["id"] for row in rows if not (row.get("logoUrl") and row.get("corporateWebsiteUrl"))]
    ask.kit.branding.queue(keys)
    return ask.told("BrandingEnrichment", {"queued": [ask.resource.iri(key) for key in keys]}, 202)


ACTIONS: Final = (
    Action("POST", "/counterparties/{id}/merge", "Counterparty", _merge, takes=BOTH),
    Action("POST", "/counterparties/enrich-branding-ai", "Counterparty", _enrich_many, takes=BOTH, optional=True),
    Action("POST", "/counterparties/{id}/enrich-branding-ai", "Counterparty", _enrich_one, takes=BOTH, optional=True),
)
