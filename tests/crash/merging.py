"""The scenario in which a process dies while it merges two counterparties. Importing it registers it.

It may end in two ways: merged, with everything of ours at the survivor; or, where the process died after it had
promised the call and before the call came through, in a question, with both records as they were. Never in a second call.
"""

from __future__ import annotations

from threading import Event
from typing import Final

from syncd import wiring_dedupe
from syncd.engine.dedupe.proposing import approve, propose
from syncd.ports.merges import MergeState
from syncd.ports.parties import CaseState
from tests.crash.ends import End
from tests.crash.scenarios import MERGED, linked, number, scenario
from tests.crash.world import ONE_BY_ONE, CrashWorld, Cycle

NAME: Final = "counterparties"
BLOCK: Final = f"""dedupe:
  {NAME}: {{resource: counterparties, merge: {{body: {{counterparties: ["{{loser}}"]}}}}}}
mappings:
"""
ALIKE: Final = {"displayName": "Hav Kaffe ApS", "tin": "DK13585628"}
ACCOUNTS: Final = ("DK5000400440116243", "GB29NWBK60161331926819")
_CALL: Final = "POST /counterparties/{id}/merge"

_sent_before: dict[int, int] = {}


def _count(world: CrashWorld) -> None:
    _sent_before[id(world)] = world.flowtly.requests.get(_CALL, 0)


def _one_call(world: CrashWorld) -> list[str]:
    """A pair is sent once in its life, however often processes die."""
    sent = world.flowtly.requests.get(_CALL, 0) - _sent_before[id(world)]
    recorded = world.databases.rows("SELECT count(*) FROM merge_call")[0][0]
    found = [] if sent <= 1 else [f"the call was made {sent} times"]
    return found if sent <= recorded else [*found, "a call was made that was not promised"]


def _asked(world: CrashWorld) -> list[str]:
    """Nothing was merged, and a person is asked: both are there, both links stand, and nobody else may touch them."""
    (merge,) = world.store.merges(NAME, list(MergeState))
    wrong = []
    if merge.state is not MergeState.UNCLEAR:
        wrong.append(f"the merge is {merge.state}: {merge.detail}")
    both = {merge.plan.survivor, merge.plan.loser}
    if any(world.flowtly.state.lookup(one) is None for one in both):
        wrong.append("a record is gone, and the merge is not done")
    if not both <= {*world.links().values()} or world.store.aliases("clients"):
        wrong.append(f"links are {world.links()}")
    if world.store.held_by_merges() != both:
        wrong.append(f"held are {world.store.held_by_merges()}")
    if world.store.redirect("flowtly", "counterparties", merge.plan.loser) is not None:
        wrong.append("there is a redirect")
    return [*wrong, *End(world).unfinished()]


def _merged(end: End) -> bool:
    """Both records had a link: one of four links is left, the other customer is an alias."""
    seen = end.seen
    counts = [len(seen[name]) for name in ("links", "aliases", "redirects", "questions", "flowtly Counterparty")]
    return counts == [4, 1, 1, 0, 4] and "done" in seen["merges"][0]


@scenario(
    "merge of two counterparties",
    files={"clients": MERGED},
    settings=ONE_BY_ONE.replace("mappings:\n", BLOCK),
    cycles=(Cycle(merge=NAME),),
    sane=_merged,
    arm=_count,
    always=_one_call,
    otherwise=_asked,
)
def _merging(world: CrashWorld) -> None:
    """Two linked counterparties turn out to be one; a person approves, the account of the other one included."""
    links = linked(world, "One", "Two", "Three", "Four", "Five")
    state = world.flowtly.state
    for name, account in zip(("One", "Two"), ACCOUNTS, strict=True):
        state.update("Counterparty", number(links[name]), {**ALIKE, "bankAccounts": [account]})
    account_id = state.insert("BankAccount", {"name": "Bank"})["id"]
    booking = {
        "bankAccount": f"/api/bank-accounts/{account_id}",
        "operationNumber": "1",
        "amount": 1,
        "description": "x",
    }
    state.insert("Transaction", {**booking, "counterparty": links["Two"]})
    world.settled()
    assert world.app is not None
    wiring_dedupe.scan(world.app, NAME)
    (case,) = world.store.cases(NAME, [CaseState.OPEN])
    world.store.answer_case(case.id, "yes", "tester", "", None)
    desk = wiring_dedupe.desk(world.app, NAME)
    (merge,) = propose(desk, Event()).made
    approve(desk, merge.id, "tester", merge.plan.digests)
