"""Hypothesis thinks up histories: any move between any two, then rest. It shrinks what breaks a law."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.histories import laws
from tests.histories.town import Town

SIDE: Final = st.sampled_from(["external", "flowtly"])
PICK: Final = st.integers(0, 5)
FIELD: Final = st.sampled_from(["name", "logo", "kind"])
KINDS: Final = (
    *("status_after", "reset_after", "reset", "status", "truncated", "html", "wrong_types"),
    *("empty_list", "listing_delay", "page_shift", "slow"),
)
METHODS: Final = {"listing_delay": ("POST",), "empty_list": ("GET",), "page_shift": ("GET",)}
STEPS: Final = (
    *(f"{side}.{call}" for side in ("external", "flowtly") for call in ("create", "update", "read", "pages", "find")),
    *("store.intend", "store.settle", "store.begin_run", "store.finish_run", "store.wake", "store.work"),
    *(f"pass.{side}.{call}" for side in ("external", "flowtly") for call in ("differing", "store", "finish")),
)
WRITES: Final = tuple(one for one in STEPS if one.endswith(("create", "update", "intend", "settle")))
LOST: Final = ("status_after", "reset_after", "truncated", "reset", "status")
STEP: Final = st.sampled_from(STEPS)
NTH: Final = st.sampled_from([1, 1, 1, 2, 3])
WHEN: Final = st.sampled_from(["before", "after"])
MOVES: Final = st.one_of(
    st.fixed_dictionaries({"move": st.just("edit"), "side": SIDE, "pick": PICK, "field": FIELD}),
    st.fixed_dictionaries({"move": st.just("delete"), "side": SIDE, "pick": PICK}),
    st.fixed_dictionaries({"move": st.just("twin"), "side": SIDE, "pick": PICK}),
    st.fixed_dictionaries({"move": st.just("second"), "lapse": st.booleans()}),
    st.fixed_dictionaries({"move": st.just("merge"), "side": SIDE, "pick": PICK, "loser": PICK}),
)
WORK: Final = st.lists(
    st.one_of(
        st.fixed_dictionaries({"move": st.just("add"), "side": SIDE}),
        st.fixed_dictionaries({"move": st.just("edit"), "side": SIDE, "pick": PICK, "field": FIELD}),
        st.fixed_dictionaries({"move": st.just("twin"), "side": SIDE, "pick": PICK}),
    ),
    min_size=1,
    max_size=3,
)
"""What people did just before a cycle, so that it has something to do."""


@st.composite
def faults(draw: st.DrawFn) -> dict[str, Any]:
    """A fault that can strike."""
    kind = draw(st.sampled_from(KINDS))
    method = draw(st.sampled_from(METHODS.get(kind, ("POST", "PATCH", "GET"))))
    return {"kind": kind, "method": method, "times": draw(st.integers(1, 3)), "skip": draw(st.integers(0, 1))}


class Histories(RuleBasedStateMachine):
    """One example is one history in ``town``, which is shared and begins anew for each."""

    town: ClassVar[Town]

    def __init__(self) -> None:
        super().__init__()
        self.town.fresh()
        self.town.counts["histories"] += 1

    @rule(pick=PICK, field=FIELD)
    def edit_both(self, pick: int, field: str) -> None:
        for side in ("external", "flowtly"):
            self.town.do("edit", side=side, pick=pick, field=field)

    @rule(side=SIDE, pick=PICK)
    def clear(self, side: str, pick: int) -> None:
        self.town.do("clear", side=side, pick=pick)

    @rule(side=SIDE, pick=PICK)
    def delete(self, side: str, pick: int) -> None:
        self.town.do("delete", side=side, pick=pick)

    @rule(side=SIDE, pick=PICK, loser=PICK)
    def merge(self, side: str, pick: int, loser: int) -> None:
        self.town.do("merge", side=side, pick=pick, loser=loser)

    @rule(side=SIDE, pick=PICK)
    def restore(self, side: str, pick: int) -> None:
        self.town.do("restore", side=side, pick=pick)

    @rule(pick=PICK, choice=SIDE)
    def answer(self, pick: int, choice: str) -> None:
        self.town.do("answer", pick=pick, choice=choice)

    @rule(side=SIDE, fault=faults())
    def fault(self, side: str, fault: dict[str, Any]) -> None:
        self.town.do("fault", side=side, **fault)

    @rule(work=WORK, side=SIDE, fault=faults())
    def fault_and_run(self, work: list[dict[str, Any]], side: str, fault: dict[str, Any]) -> None:
        self._work(work)
        self.town.do("fault", side=side, **fault)
        self.town.do("run")

    @rule(side=SIDE, lost=st.sampled_from(LOST), times=st.integers(1, 2), what=MOVES)
    def lose_a_create(self, side: str, lost: str, times: int, what: dict[str, Any]) -> None:
        """The answer to a create is lost; something happens before anybody looks."""
        self.town.do("add", side=side)
        other = "flowtly" if side == "external" else "external"
        self.town.do("fault", side=other, kind=lost, method="POST", times=times, skip=0)
        self.town.do("run")
        self._work([what])
        self.town.do("run")

    @rule(side=SIDE, pick=PICK, field=FIELD, lost=st.sampled_from(LOST), what=MOVES)
    def lose_a_change(self, side: str, pick: int, field: str, lost: str, what: dict[str, Any]) -> None:
        """The answer to a change is lost."""
        self.town.do("edit", side=side, pick=pick, field=field)
        other = "flowtly" if side == "external" else "external"
        self.town.do("fault", side=other, kind=lost, method="PATCH", times=1, skip=0)
        self.town.do("run")
        self._work([what])

    @rule(work=WORK, step=st.sampled_from(WRITES), when=WHEN, successor=st.booleans())
    def die_writing(self, work: list[dict[str, Any]], step: str, when: str, successor: bool) -> None:
        self._work(work)
        self.town.do("die", step=step, nth=1, when=when, successor=successor)

    @rule(hours=st.integers(-30, 30))
    def clock_steps(self, hours: int) -> None:
        self.town.do("clock_steps", hours=hours)

    @rule()
    def hours_pass(self) -> None:
        self.town.do("hours_pass")

    @rule(work=WORK)
    def run_once(self, work: list[dict[str, Any]]) -> None:
        self._work(work)
        self.town.do("run")

    @rule(work=WORK, step=STEP, nth=NTH, when=WHEN, successor=st.booleans())
    def die(self, work: list[dict[str, Any]], step: str, nth: int, when: str, successor: bool) -> None:
        self._work(work)
        self.town.do("die", step=step, nth=nth, when=when, successor=successor)

    @rule(work=WORK, step=STEP, nth=NTH, when=WHEN, what=MOVES)
    def meanwhile(self, work: list[dict[str, Any]], step: str, nth: int, when: str, what: dict[str, Any]) -> None:
        self._work(work)
        self.town.do("meanwhile", step=step, nth=nth, when=when, **what)

    @precondition(lambda self: bool(self.town.script))
    @rule()
    def second(self) -> None:
        self.town.do("second", lapse=False)

    def _work(self, work: list[dict[str, Any]]) -> None:
        for one in work:
            self.town.do(one["move"], **{name: value for name, value in one.items() if name != "move"})

    @invariant()
    def holds(self) -> None:
        self._judge(laws.always)

    def teardown(self) -> None:
        self._judge(laws.at_rest)

    def _judge(self, law: Any) -> None:
        try:
            law(self.town)
        except AssertionError as error:
            raise AssertionError(f"{error}\nThe history:\n{self.town.told()}") from None
