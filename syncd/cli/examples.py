"""The examples that ``syncd init`` writes: the files of ``config``, as they are shipped. Writes nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from syncd.errors import ConfigError, Problem
from syncd.mapping.problems import did_you_mean

_EVERYTHING: Final = (
    *("clients", "contacts", "billing-contacts", "notes", "counterparties", "budget-groups", "budgets", "transactions"),
    *("budget-employees", "budget-projects", "budget-contractors", "budget-invoices"),
    *("invoices-to-bi", "month-end", "attachments"),
)
_EXAMPLES: Final = {
    "sql": ("syncd.yaml", "mappings/clients.yaml"),
    "tryton": ("tryton.yaml", "mappings/tryton-clients.yaml", "mappings/tryton-contacts.yaml"),
    "budgets": (
        "budgets/syncd.yaml",
        *(f"budgets/mappings/{name}.yaml" for name in ("budget-groups", "budgets", "transactions")),
        *("budgets/allocations/costs.yaml", "budgets/erp.sql"),
    ),
    "everything": ("everything.yaml", *(f"mappings/{name}.yaml" for name in _EVERYTHING), "examples/erp.sql"),
}
"""What is written for each kind of system: the configuration, under the name syncd.yaml, and the files beside it.

Their paths are relative to the configuration's own folder.
"""


def example_files(system: str) -> dict[str, str]:
    """The shipped example for a kind of system: relative path to text. Raises ConfigError for an unknown kind."""
    if system not in _EXAMPLES:
        hint = did_you_mean(system, _EXAMPLES)
        raise ConfigError([Problem("command line", 0, 0, f"there is an example for {', '.join(_EXAMPLES)}", hint)])
    package = Path(__file__).parents[1]
    folder = next(path for path in (package / "examples", package.parent / "config") if path.is_dir())
    settings, *beside = _EXAMPLES[system]
    own = (folder / settings).parent
    texts = {str((folder / name).relative_to(own)): (folder / name).read_text() for name in beside}
    return {"syncd.yaml": (folder / settings).read_text(), **texts}
