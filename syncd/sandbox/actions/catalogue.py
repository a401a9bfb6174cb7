"""Every action the sandbox serves. A new one is declared in the file of its subject and needs nothing else."""

from __future__ import annotations

from typing import Final

from syncd.sandbox.actions import applying, attachments, counterparties, exports, imports, invoices
from syncd.sandbox.actions.declare import Action

ACTIONS: Final[tuple[Action, ...]] = (
    *counterparties.ACTIONS,
    *imports.ACTIONS,
    *exports.ACTIONS,
    *applying.ACTIONS,
    *attachments.ACTIONS,
    *invoices.ACTIONS,
)
