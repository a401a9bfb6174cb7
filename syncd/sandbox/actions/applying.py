"""Showing and applying suggestions, for transactions and attachments alike. Must never apply one by itself.

What is suggested: ``suggestions``. Applying one answers the record as it is then; one that is gone is 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.sandbox.actions.declare import Action, Ask
from syncd.sandbox.actions.reading import text, violated
from syncd.sandbox.actions.suggestions import Suggestion, considered, for_attachment, for_transaction
from syncd.sandbox.answer import Answer
from syncd.sandbox.errors import ApiError
from syncd.sandbox.replies import BOTH


def _suggestions(ask: Ask) -> Answer:
    return ask.listed("Suggestion", [each.shown() for each in _found(ask)])


def _debug(ask: Ask) -> Answer:
    """Also what was too weak to be suggested; never to be depended on."""
    looked_at = [each.shown() for each in considered(ask.kit.state, ask.row)]
    return ask.told("SuggestionsDebug", {"considered": looked_at, "suggested": [each.id for each in _found(ask)]})


def _apply_named(ask: Ask) -> Answer:
    wanted = ask.params["suggestionId"]
    found = next((each for each in _found(ask) if each.id == wanted), None)
    if found is None:
        raise ApiError(404, "Not Found")
    return _apply(ask, found)


def _apply_best(ask: Ask) -> Answer:
    """``{"suggestion": id}``, or without a body the best one."""
    wanted = text(ask.fields, "suggestion")
    return _apply_first(ask, lambda each: wanted in (None, each.id))


def _apply_supplier(ask: Ask) -> Answer:
    return _apply_first(ask, lambda each: each.kind == "supplier")


def _apply_first(ask: Ask, fits: Callable[[Suggestion], bool]) -> Answer:
    found = next((each for each in _found(ask) if fits(each)), None)
    if found is None:
        raise violated("suggestion", "There is no such suggestion to apply.")
    return _apply(ask, found)


def _found(ask: Ask) -> list[Suggestion]:
    search = for_transaction if ask.resource.name == "Transaction" else for_attachment
    return search(ask.kit.state, ask.row)


def _apply(ask: Ask, suggestion: Suggestion) -> Answer:
    state, own = ask.kit.state, ask.resource.iri(ask.row["id"])
    attachment = state.find(suggestion.target) if suggestion.kind == "attachment" else None
    if attachment is not None:
        # The link is kept on the attachment, also when it is made from the transaction's side.
        state.update(attachment[0].name, attachment[1], {"transaction": own})
    else:
        state.update(ask.resource.name, ask.row["id"], {suggestion.kind: suggestion.target})
    return ask.changed()


_NAMED: Final = "suggestions/{suggestionId}/apply"


def _attachment(path: str, act: Callable[[Ask], Answer]) -> Action:
    path = f"/transaction-attachments/{{id}}/{path}"
    return Action("POST", path, "TransactionAttachment", act, takes=BOTH, optional=True)


ACTIONS: Final = (
    Action("GET", "/transactions/{id}/suggestions", "Transaction", _suggestions, role="reader"),
    Action("POST", f"/transactions/{{id}}/{_NAMED}", "Transaction", _apply_named, takes=BOTH, optional=True),
    Action("GET", "/transaction-attachments/{id}/suggestions", "TransactionAttachment", _suggestions, role="reader"),
    Action("GET", "/transaction-attachments/{id}/suggestions-debug", "TransactionAttachment", _debug, role="reader"),
    _attachment(_NAMED, _apply_named),
    _attachment("apply-suggestion", _apply_best),
    _attachment("apply-supplier-suggestion", _apply_supplier),
)
