"""Section: no delete without evidence. Every bad answer and every wrong peer, on both sides, under every policy. Law 4.

Everything that could follow a loss is switched on, and nothing may follow. The last rows are the counter-proof: a
record that a person really deleted is followed, so the zeros above are not those of a machine that does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from syncd.core.model import Side
from syncd.errors import SyncdError
from syncd.sandbox.faults import Rule
from tests.proof.section import Ask, Section
from tests.proof.stage import NAME, RECORDS, TABLE, Stage, put, staged

LIST = "^/counterparties$"
ANY = "/counterparties"
RUNS = 3  # under the trouble: one more than the two readings that prove a loss
PATIENCE = 6  # runs until a real delete has to be followed
FOREVER = 1e9

POLICIES = {
    "delete": "{in_external: delete, in_flowtly: delete, quarantine: 0}",
    "unlink": "{in_external: unlink, in_flowtly: unlink, quarantine: 0}",
    "set": "{in_external: {set: {type: gone}}, in_flowtly: {set: {type: gone}}, quarantine: 0}",
}

Change = Callable[[Stage, Side], None]


def _nothing(stage: Stage, side: Side) -> None:
    """The data stays as it is."""


@dataclass(frozen=True)
class Case:
    """One trouble: rules that hold during each run, or a change of the data before the first one.

    ``gone``: how many records a person really removed, at most; ``another``: the peer is not the one we knew, so that
    the mapping has to be fenced.
    """

    name: str
    rules: tuple[dict[str, Any], ...] = ()
    change: Change = _nothing
    gone: int = 0
    another: bool = False


@dataclass
class Found:
    """What a case came to, over both sides and all policies."""

    runs: int = 0
    refused: int = 0
    deletes: int = 0
    writes: int = 0
    fenced: int = 0
    failures: list[str] = field(default_factory=list)


def _restored(stage: Stage, side: Side) -> None:
    """A backup: the latest records are gone, and values are as they were."""
    put(stage.peers[side], stage.old[side])


def _swapped(stage: Stage, side: Side) -> None:
    """Another tenant under the same address: the same ids mean other companies."""
    for row in stage.peers[side].state.rows(TABLE):
        other = {"displayName": f"Stranger {row['id']}", "tin": f"{77000000 + row['id']}", "type": "company"}
        stage.peers[side].state.update(TABLE, row["id"], {**other, "corporateWebsiteUrl": None})


def _emptier(stage: Stage, side: Side) -> None:
    """Another tenant with other ids and as many records."""
    state = stage.peers[side].state
    rows = state.rows(TABLE)
    for row in rows:
        state.delete(TABLE, row["id"])
    for number in range(len(rows)):
        state.insert(TABLE, {"displayName": f"Stranger {number}", "tin": f"{77000000 + number}", "type": "company"})


def _wiped(stage: Stage, side: Side) -> None:
    """A new, empty tenant: lists are empty, and no item is found."""
    for row in stage.peers[side].state.rows(TABLE):
        stage.peers[side].state.delete(TABLE, row["id"])


def _half(stage: Stage, side: Side) -> None:
    """Half of the records are lost at the peer, after the first page."""
    for row in stage.peers[side].state.rows(TABLE)[RECORDS // 2 :]:
        stage.peers[side].state.delete(TABLE, row["id"])


def _unlisted(stage: Stage, side: Side) -> None:
    """Our user may list fewer records than before; each of them is still found by its id."""
    peer = stage.peers[side]
    for row in peer.state.rows(TABLE)[::5]:
        peer._api._hidden.add(TABLE, row["id"], Rule("listing_delay", params={"seconds": FOREVER, "requests": None}))


def _on_page(kind: str, page: int, **params: Any) -> tuple[dict[str, Any], ...]:
    """From this page of the walk on."""
    return ({"kind": kind, "method": "GET", "path": LIST, "after_nth": page - 1, **params},)


def _always(kind: str, path: str = LIST, **params: Any) -> tuple[dict[str, Any], ...]:
    return ({"kind": kind, "method": "GET", "path": path, **params},)


CASES = (
    Case("an empty answer", _always("empty_list")),
    Case("an empty answer that claims the true total", _always("empty_list", keep_total=True)),
    Case(
        "an empty answer, and every item 404",
        (*_always("empty_list"), *_always("status", r"^/counterparties/\d+", status=404)),
    ),
    Case("200 with an empty list from page 3 on", _on_page("empty_list", 3)),
    Case("the same with the true total", _on_page("empty_list", 3, keep_total=True)),
    Case("200 with an empty list on the last page", _on_page("empty_list", 4)),
    Case("half a walk: page 3 is cut in its middle", _on_page("truncated", 3)),
    Case("half a walk: the connection is reset on page 3", _on_page("reset", 3)),
    Case("half a walk: 503 on page 3", _on_page("status", 3, status=503)),
    Case("half a walk: 404 on page 3", _on_page("status", 3, status=404)),
    Case("half a walk: a login page on page 3", _on_page("html", 3)),
    Case("records without their names", _always("wrong_types", field="@id")),
    Case("a text instead of a list", _always("wrong_types")),
    Case("401 for all", _always("status", ANY, status=401)),
    Case("403 for all", _always("status", ANY, status=403)),
    Case("404 for all", _always("status", ANY, status=404)),
    Case("shifted pages: a record comes in mid-walk", _on_page("page_shift", 2, times=1, action="insert")),
    Case("shifted pages: a record goes in mid-walk", _on_page("page_shift", 2, times=1), gone=RUNS),
    Case("a fifth of the records no longer listed", change=_unlisted),
    Case("half of the records lost", change=_half),
    Case("a new, empty tenant", change=_wiped),
    Case("another tenant with other ids", change=_emptier, another=True),
    Case("another tenant with the same ids", change=_swapped, another=True),
    Case("restored from a backup", change=_restored, another=True),
)


def prove(ask: Ask) -> Section:
    """Every case on both sides under all policies; every second one, on one side under one policy, when in a hurry."""
    chosen = CASES[ask.seed % 2 :: 2] if ask.quick else CASES
    found = {case.name: Found() for case in chosen}
    followed: list[str] = []
    failures: list[str] = []
    for policy in ("delete",) if ask.quick else POLICIES:
        with staged(ask.server, ask.folder / policy, POLICIES[policy]) as stage:
            for number, case in enumerate(chosen):
                for side in _sides(ask, number):
                    _try(stage, case, side, policy, found[case.name])
            ask.say(f"{policy}: {len(chosen)} cases")
            for side in Side:
                said, trouble = _counter_proof(stage, side, policy)
                followed.append(said)
                failures += trouble
    failures += [failure for one in found.values() for failure in one.failures]
    numbers: dict[str, int | float | str] = {
        "cases": len(chosen),
        "runs under trouble": sum(one.runs for one in found.values()),
        "deletes": sum(one.deletes for one in found.values()),
        "writes": sum(one.writes for one in found.values()),
        "certificates refused": sum(one.refused for one in found.values()),
        "runs fenced": sum(one.fenced for one in found.values()),
    }
    return Section("No delete without evidence", _text(found, followed), numbers, tuple(failures))


def _sides(ask: Ask, number: int) -> tuple[Side, ...]:
    """In a hurry each case befalls one side, in turn."""
    return (list(Side)[number % 2],) if ask.quick else tuple(Side)


def _try(stage: Stage, case: Case, side: Side, policy: str, found: Found) -> None:
    """One case on one side under one policy: the runs in trouble, and the healthy ones after it."""
    where = f"{case.name}, on {side}, policy {policy}"
    with stage.back():
        before = stage.links()
        case.change(stage, side)
        held = stage.keys(side.other)
        fenced = sum(_troubled(stage, case, side) for _ in range(RUNS))
        kept = stage.asked("DELETE"), stage.asked("POST", "PATCH", "PUT")
        deletes = max(len(held - stage.keys(side.other)), kept[0])
        unlinked = len(set(before) - set(stage.links()))
        found.runs += RUNS
        found.refused += stage.heard("read.uncertified", "read.incomplete")
        found.deletes += deletes
        found.writes += kept[1]
        found.fenced += fenced
        if deletes > case.gone or unlinked > case.gone or (kept[1] > case.gone):
            found.failures.append(f"{where}: {deletes} deletes, {unlinked} links undone, {kept[1]} writes")
        if case.another and fenced < RUNS:
            found.failures.append(f"{where}: only {fenced} of {RUNS} runs were fenced")
        found.failures += [f"{where}: {trouble}" for trouble in _healthy(stage, case, side, fenced=fenced > 0)]


def _troubled(stage: Stage, case: Case, side: Side) -> bool:
    """One run in trouble; whether it ended at the fence."""
    faults = stage.peers[side].faults
    faults.clear()
    for rule in case.rules:
        faults.add(**rule)
    try:
        return stage.run().outcome == "fenced"
    except SyncdError:
        return False  # the peer could not be used at all: the daemon says so and comes back later
    finally:
        faults.clear()


def _healthy(stage: Stage, case: Case, side: Side, *, fenced: bool) -> Iterator[str]:
    """When the trouble is over an edit arrives as on any other day; past a fence only after a person's word."""
    peer = stage.peers[side]
    with peer.state.lock, suppress(AttributeError):
        peer._api._hidden._hidden.clear()
    if not case.gone:
        put(peer, stage.present[side])
    if fenced:
        if stage.run().outcome != "fenced":
            yield "the fence fell by itself"
        assert stage.app is not None
        stage.app.store.accept_epoch(NAME, "proof")
        stage.run(person=True)
    row = peer.state.rows(TABLE)[-1]
    peer.state.update(TABLE, row["id"], {"corporateWebsiteUrl": "https://afterwards.example.test"})
    report = stage.run()
    if report.outcome != "done":
        yield f"the first healthy run ended as {report.outcome} {report.reasons}"
    arrived = [one for one in stage.peers[side.other].state.rows(TABLE) if one["displayName"] == row["displayName"]]
    if [one["corporateWebsiteUrl"] for one in arrived] != ["https://afterwards.example.test"]:
        yield "an edit made afterwards did not arrive"


def _counter_proof(stage: Stage, side: Side, policy: str) -> tuple[str, list[str]]:
    """One record that a person really deleted: the policy is carried out, on this record alone."""
    with stage.back():
        other = side.other
        row = stage.peers[side].state.rows(TABLE)[3]
        stage.peers[side].state.delete(TABLE, row["id"])
        runs, done = 0, False
        while not done and runs < PATIENCE:
            stage.run()
            runs += 1
            done = _followed(stage, other, row["displayName"], policy)
        rest = len(stage.keys(other))
        said = f"| a record really deleted in {side}, policy {policy} | {runs if done else '-'} | {'yes' if done else 'no'} |"
        failures = [] if done else [f"counter-proof: a real delete in {side} was not followed under {policy}"]
        if rest < RECORDS - 1 or (policy != "delete" and rest != RECORDS):
            failures.append(f"counter-proof: {rest} records left in {other} under {policy}")
        return said, failures


def _followed(stage: Stage, side: Side, name: str, policy: str) -> bool:
    rows = [row for row in stage.peers[side].state.rows(TABLE) if row["displayName"] == name]
    if policy == "delete":
        return not rows
    if policy == "set":
        return [row["type"] for row in rows] == ["gone"]
    return len(stage.links()) == RECORDS - 1


def _text(found: dict[str, Found], followed: list[str]) -> str:
    head = (
        f"{RECORDS} linked records that we made, a policy that acts on losses, no quarantine, and no caps. Each trouble "
        f"lasts for {RUNS} runs with full walks, one more than a delete needs. Then the peer is well again, and an edit "
        "has to arrive; where the mapping was fenced, not before a person says so.\n\n"
        "| case | runs | certificates refused | deletes | writes | fenced |\n|---|---:|---:|---:|---:|---:|\n"
    )
    rows = "".join(
        f"| {name} | {one.runs} | {one.refused} | {one.deletes} | {one.writes} | {one.fenced} |\n"
        for name, one in found.items()
    )
    foot = "\nThe counter-proof:\n\n| case | followed in run | followed |\n|---|---:|---|\n"
    return head + rows + foot + "".join(f"{line}\n" for line in followed)
