"""``make bench``: measures, prints, and writes docs/performance.md and docs/budgets-measured.md. ``BENCH_SIZES=1000`` for a quick look."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from syncd import __version__
from syncd.store.embedded import ensure
from tests.bench import budgets
from tests.bench.peers import edit, sandbox, writes

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "10000,100000").split(",")]
ROUNDS = 3
LARGEST_CREATE = 10_000  # a create is one request after another; more of them say nothing new

SETTINGS = """
flowtly: {{url: "{flowtly}/api", login: {{username: sync@flowtly.test, password: "${{PASSWORD}}"}}}}
systems:
  crm: {{connector: flowtly, url: "{crm}/api", login: {{username: sync@flowtly.test, password: "${{PASSWORD}}"}}}}
store: {{url: "${{SYNCD_DATABASE_URL}}"}}
limits: {{listing_grace: 1s, max_changes: 1000000}}
mappings: [clients.yaml]
"""
SQL_SETTINGS = SETTINGS.replace(
    '  crm: {{connector: flowtly, url: "{crm}/api", login: {{username: sync@flowtly.test, password: "${{PASSWORD}}"}}}}',
    '  erp: {{connector: sql, url: "${{ERP_DATABASE_URL}}"}}',
)
MAPPING = """
mapping: clients
external: {resource: clients}
flowtly: {resource: clients}
match: [[vat], [name, country]]
fields:
  vat: {external: [tinCountry, tin], flowtly: [tinCountry, tin], through: vat_number}
  name: name
  country: country
  currency: currency
  status: status
  tinType: tinType
  dueDays: dueDays
  addressCity: addressCity
  addressPostCode: addressPostCode
  addressStreetLine: addressStreetLine
  addressBuildingNumber: addressBuildingNumber
  addressPhoneNumber: addressPhoneNumber
schedule: {every: 1m, full: 1h}
"""
SQL_MAPPING = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: clients}
match: [[vat], [name]]
fields:
  vat: {external: vat_no, through: vat_number}
  name: company_name
  addressCity: city
schedule: {every: 1m, full: 1h}
creates: {in_flowtly: false, in_external: false}
"""


class Bench:
    """One world: two peers, a store, a configuration; tasks run in processes of their own."""

    def __init__(self, folder: Path, store_url: str, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {**os.environ, "PASSWORD": "sandbox", "SYNCD_DATABASE_URL": store_url, **env}
        self.env["BENCH_CONFIG"] = str(folder / "syncd.yaml")

    def task(self, name: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.work", name],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stdout}\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


@contextmanager
def world(settings: str, mapping: str, store: str, **places: str) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        (folder / "syncd.yaml").write_text(settings.format(**places))
        (folder / "clients.yaml").write_text(mapping)
        yield Bench(folder, store, {"ERP_DATABASE_URL": places.get("erp", "")})


def linked(size: int, server: Any, rows: list[list[str]]) -> None:
    """N x N: first link, then idle full passes against a bare walk of the same pages."""
    with ExitStack() as stack:
        crm, flowtly = stack.enter_context(sandbox(size)), stack.enter_context(sandbox(size))
        bench = stack.enter_context(world(SETTINGS, MAPPING, server.url(f"bench_{size}"), crm=crm, flowtly=flowtly))
        first = bench.task("apply")
        rows.append(
            [
                f"first link of {size:,} x {size:,}",
                f"{2 * size / first['seconds']:,.0f} records/s",
                f"{first['seconds']:.1f} s, {first['counts'].get('linked', 0):,} links, {first['conflicts']} questions, peak {first['peak_mb']:.0f} MB",
            ]
        )
        sent = writes(crm) + writes(flowtly)
        pairs = [(bench.task("idle"), bench.task("bare")) for _ in range(ROUNDS)]
        ratio = median(idle["seconds"] / bare["seconds"] for idle, bare in pairs)
        idle = [one for one, _ in pairs]
        rows.append(
            [
                f"idle full pass, {size:,} linked, both sides / bare walk of the same pages",
                f"{ratio:.2f}",
                f"median of {ROUNDS} pairs; idle {median(o['seconds'] for o in idle):.2f} s, bare {median(b['seconds'] for _, b in pairs):.2f} s; aim <= 1.3",
            ]
        )
        rows.append(
            [
                f"idle full pass, {size:,} linked: peak memory",
                f"{max(o['peak_mb'] for o in idle):.0f} MB",
                f"bare walk {max(b['peak_mb'] for _, b in pairs):.0f} MB; aim <= 250 MB and flat",
            ]
        )
        rows.append(
            [
                f"idle full pass, {size:,} linked: writes",
                f"{writes(crm) + writes(flowtly) - sent}",
                f"to both peers together; {median(o['wal_bytes'] for o in idle) / 1024:,.0f} KiB of write-ahead log in PostgreSQL",
            ]
        )


def created(size: int, server: Any, rows: list[list[str]]) -> None:
    """Initial create of N into an empty Flowtly."""
    with ExitStack() as stack:
        crm, flowtly = stack.enter_context(sandbox(size)), stack.enter_context(sandbox(0, empty=True))
        bench = stack.enter_context(
            world(SETTINGS, MAPPING, server.url(f"bench_create_{size}"), crm=crm, flowtly=flowtly)
        )
        made = bench.task("apply")
        count = made["counts"].get("flowtly.created", 0)
        requests = made["counts"]["flowtly.requests"]
        rows.append(
            [
                f"initial create of {size:,}",
                f"{requests / max(count, 1):.3f} requests a record",
                f"{count:,} created in {made['seconds']:.1f} s, {count / made['seconds']:,.0f} records/s, peak {made['peak_mb']:.0f} MB; aim <= 2",
            ]
        )


def one_change(size: int, server: Any, rows: list[list[str]]) -> None:
    """One changed record among N, an SQL source with a cursor."""
    with ExitStack() as stack:
        flowtly = stack.enter_context(sandbox(size))
        erp = server.url(f"bench_erp_{size}")
        fill(erp, flowtly, size)
        bench = stack.enter_context(
            world(SQL_SETTINGS, SQL_MAPPING, server.url(f"bench_sql_{size}"), flowtly=flowtly, erp=erp)
        )
        bench.task("apply")
        quiet = bench.task("once")
        with psycopg.connect(erp, autocommit=True) as connection:
            connection.execute(
                "UPDATE customers SET city = 'Changed', changed_at = clock_timestamp() WHERE customer_no = 'C7'"
            )
        there = bench.task("once")
        edit(flowtly, 9, addressCity="Edited")
        back = bench.task("once")
        walk = quiet["counts"]["flowtly.requests"]
        rows.append(
            [
                f"one change in the ERP among {size:,}",
                f"{there['counts']['flowtly.requests'] - walk} requests to Flowtly for it",
                f"{there['counts']['external.read']:,} rows read by cursor in the ERP; {there['seconds']:.2f} s of which the walk of Flowtly ({walk} requests; it has no cursor) took most; aim <= 3",
            ]
        )
        rows.append(
            [
                f"one change in Flowtly among {size:,}",
                f"{back['counts']['external.requests'] - quiet['counts']['external.requests']} statements in the ERP for it",
                f"{back['seconds']:.2f} s",
            ]
        )


def long_walks(rows: list[list[str]]) -> None:
    """All of a year's bank transactions and invoices in one walk each."""
    with ExitStack() as stack:
        flowtly = stack.enter_context(sandbox(100, "--transactions", "100000", "--invoices", "20000"))
        bench = stack.enter_context(world(SETTINGS, MAPPING, "", crm=flowtly, flowtly=flowtly))
        for name in ("transactions", "invoices"):
            bench.env["BENCH_RESOURCE"] = name
            done = bench.task("long")
            rows.append(
                [
                    f"one walk of {done['records']:,} {name}",
                    f"{done['requests']:,} requests for {done['pages']:,} pages",
                    f"{done['seconds']:.1f} s, peak {done['peak_mb']:.0f} MB, of which {done['grew_mb']:.0f} MB during the walk; aim: requests = pages, memory flat",
                ]
            )


def fill(erp: str, flowtly: str, size: int) -> None:
    """An ERP table with the sandbox's own clients."""
    from urllib.request import urlopen

    with urlopen(f"{flowtly}/_sandbox/records/clients", timeout=300) as answer:
        clients = json.loads(answer.read())
    with psycopg.connect(erp) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE customers (customer_no text PRIMARY KEY, company_name text, vat_no text, city text, changed_at timestamptz NOT NULL DEFAULT now() - interval '1 day' - random() * interval '300 days')"
        )
        with cursor.copy("COPY customers (customer_no, company_name, vat_no, city) FROM STDIN") as copy:
            for client in clients[:size]:
                vat = f"{client.get('tinCountry') or ''}{client.get('tin') or ''}" or None
                copy.write_row((f"C{client['id']}", client["name"], vat, client.get("addressCity")))
        cursor.execute("CREATE INDEX ON customers (changed_at, customer_no)")


def page(rows: list[list[str]]) -> str:
    head = f"""# Performance

Written by `make bench`, version {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, embedded
PostgreSQL. Both peers are sandbox Flowtly servers in processes of their own on the same machine (the SQL rows use a
PostgreSQL table instead), so client, servers and database share the cores: read the ratios, not the seconds. Nothing
here is asserted by a test. Beside the walk, an idle pass takes a digest of every record and compares it with one indexed
look-up in PostgreSQL. Aims are stated beside the values, also where a value misses its aim, as the idle ratio does.

| what | measured | how |
|---|---|---|
"""
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Measure everything at every size."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="syncd-bench-pg-") as folder:
        server = ensure(Path(folder))
        try:
            for size in SIZES:
                linked(size, server, rows)
                if size <= LARGEST_CREATE:
                    created(size, server, rows)
                one_change(size, server, rows)
            long_walks(rows)
        finally:
            server.stop()
    text = page(rows)
    if "BENCH_SIZES" not in os.environ:
        PAGE.write_text(text)
    sys.stdout.write(text)
    budgets.main(max(SIZES), keep="BENCH_SIZES" not in os.environ)


if __name__ == "__main__":
    main()
