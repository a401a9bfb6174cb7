"""What the engine asks of the world, as Protocols and the values they speak in. No implementation lives here."""

from __future__ import annotations

from syncd.ports.memory import (
    Certificate,
    ConflictRow,
    Intent,
    Lease,
    LedgerEntry,
    Link,
    MappingState,
    NewConflict,
    Observation,
    Operation,
    OperationKind,
    OperationState,
    Settlement,
    SideState,
    Status,
    Work,
)
from syncd.ports.peers import Capabilities, Clock, Connector, FieldShape, Page, Query, Raw, Record, Shape
from syncd.ports.store import Pass, Store

__all__ = [
    "Capabilities",
    "Certificate",
    "Clock",
    "ConflictRow",
    "Connector",
    "FieldShape",
    "Intent",
    "Lease",
    "LedgerEntry",
    "Link",
    "MappingState",
    "NewConflict",
    "Observation",
    "Operation",
    "OperationKind",
    "OperationState",
    "Page",
    "Pass",
    "Query",
    "Raw",
    "Record",
    "Settlement",
    "Shape",
    "SideState",
    "Status",
    "Store",
    "Work",
]
