"""The mapping store on PostgreSQL, put together from its parts. No method touches a peer; each is one transaction."""

from __future__ import annotations

from syncd.store.aliases import Aliases
from syncd.store.allocated_parts import AllocatedParts
from syncd.store.allocations import Allocations
from syncd.store.budget_links import BudgetLinks
from syncd.store.cases import Cases
from syncd.store.conflicts import Conflicts
from syncd.store.dedupe_counts import DedupeCounts
from syncd.store.epochs import Epochs
from syncd.store.flaps import Flaps
from syncd.store.history import History
from syncd.store.incidents import Incidents
from syncd.store.leases import Leases
from syncd.store.ledger import Ledger
from syncd.store.links import Links
from syncd.store.losses import Losses
from syncd.store.merges import Merges
from syncd.store.observations import Observations
from syncd.store.operations import Operations
from syncd.store.outbox import Outbox
from syncd.store.parties import Parties
from syncd.store.passes import Passes
from syncd.store.redirects import Redirects
from syncd.store.registers import RegisterAnswers
from syncd.store.removals import Removals
from syncd.store.runs import Runs
from syncd.store.settle import Settlements
from syncd.store.spending import Spending
from syncd.store.succession import Succession
from syncd.store.tenants import Tenants
from syncd.store.totals import Totals
from syncd.store.totals_named import TotalsNamed
from syncd.store.waking import Waking
from syncd.store.watches import Watches


class PostgresStore(
    Leases,
    Runs,
    Passes,
    Observations,
    Waking,
    Links,
    Operations,
    Removals,
    Settlements,
    Conflicts,
    Ledger,
    History,
    Tenants,
    Watches,
    Outbox,
    Epochs,
    Flaps,
    Parties,
    Cases,
    Aliases,
    Succession,
    Losses,
    RegisterAnswers,
    Merges,
    DedupeCounts,
    Redirects,
    Allocations,
    AllocatedParts,
    BudgetLinks,
    Incidents,
    Totals,
    TotalsNamed,
    Spending,
):
    """``ports.Store`` on PostgreSQL 14 or newer.

    ``url`` is a ``postgresql://`` URL of a database that ``syncd.store.migrate`` brought up to date; ``pool_size`` is
    how many connections are kept. Safe to use from several threads. Any method raises StoreUnavailable when the
    database cannot be reached, and BadAnswer for a key that it cannot hold.
    """
