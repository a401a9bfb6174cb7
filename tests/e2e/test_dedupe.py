"""Duplicates from the command line, as a finance team meets them: scan, review, answer, merge; real sandbox and store."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli import syncd
from tests.e2e.test_daemon import Process, eventually
from tests.engine.world import SETTINGS, World, built

DEDUPE = """
dedupe:
  counterparties:
    resource: counterparties
    proposed: [T1]
"""
MERGE = (
    DEDUPE
    + """\
    merge:
      body: {counterparties: ["{loser}"]}
"""
)
TIN, OTHER_TIN = "5260001246", "7740001454"
ACCOUNT, SECOND = "PL61109010140000071219812874", "PL27114020040000300201355387"


def configured(world: World, text: str) -> None:
    """Start over with this ``dedupe:`` block."""
    world.configure(settings=text + SETTINGS)


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Kowalski twice (T1, one has a second account), the Nowak companies (two clients), and somebody else."""
    with built(tmp_path, pg_url, store_url) as made:
        kowalski = made.client(name="Kowalski Sp. z o.o.", tinCountry="PL", tin=TIN, country="PL", currency="PLN")
        nowaks = [
            made.client(name=name, tinCountry="PL", tin=OTHER_TIN, country="PL", currency="PLN")
            for name in ("Nowak S.A.", "NOWAK SA")
        ]
        party(made, client=kowalski, displayName="Kowalski Sp. z o.o.", tin=TIN, bankAccounts=[ACCOUNT])
        party(
            made,
            displayName="KOWALSKI sp z o o",
            tin="PL 526-000-12-46",
            bankAccounts=[ACCOUNT, SECOND],
            requireAttachment=True,
        )
        for nowak in nowaks:
            party(made, client=nowak, displayName="Nowak S.A.", tin=OTHER_TIN)
        party(made, displayName="[bold]Somebody[/bold] =1+1", tin="")
        configured(made, DEDUPE)
        yield made


def party(world: World, **fields: Any) -> str:
    """A person adds a counterparty; its IRI."""
    made = world.in_flowtly("POST", "counterparties", fields)
    return f"/api/counterparties/{made['id']}"


def parties(world: World) -> dict[str, dict[str, Any]]:
    return {f"/api/counterparties/{one['id']}": one for one in world.in_flowtly("GET", "counterparties")}


def cases(world: World, *arguments: str, code: int = 2) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(syncd(world, "dedupe", "review", "--json", *arguments, code=code))["cases"]
    return found


def case_of(world: World, tier: str = "T1") -> dict[str, Any]:
    (found,) = cases(world, "--tier", tier)
    return found


def merges(world: World, *arguments: str, code: int = 2) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(syncd(world, "dedupe", "merge", "--json", *arguments, code=code))["merges"]
    return found


def scanned(world: World, code: int = 2) -> None:
    syncd(world, "dedupe", "scan", code=code)


def test_a_scan_opens_cases_and_writes_nothing(world: World) -> None:
    before = world.writes()
    (report,) = json.loads(syncd(world, "dedupe", "scan", "--json", code=2))
    assert (report["outcome"], report["read"], report["opened"], report["open"]) == ("done", 5, 1, 1)
    (again,) = json.loads(syncd(world, "dedupe", "scan", "counterparties", "--json", code=2))
    assert (again["changed"], again["pairs"], again["opened"], again["open"]) == (0, 0, 0, 1)
    assert world.writes() == before
    status = json.loads(syncd(world, "status", "--json", code=2))
    assert status["dedupe"]["counterparties"]["cases"]["open"] == 1
    assert "1 open cases" in syncd(world, "status", code=2)


def test_the_list_and_a_case_say_it_in_plain_words(world: World) -> None:
    scanned(world)
    said = syncd(world, "dedupe", "review", code=2)
    assert "Kowalski Sp. z o.o." in said
    one = case_of(world)
    assert one["why"].startswith("One party by the rules of T1: the same name, the same legal form, and the same valid")
    assert one["differences"]["accounts"] == "partly the same"
    assert one["differences"]["tin"] == "same, written differently"
    said = syncd(world, "dedupe", "show", str(one["case"]))
    for told in ("526-000-12-46", "tax number equal", "only one says it", "partly the same", one["left"]["key"]):
        assert told in said
    shown = json.loads(syncd(world, "dedupe", "show", str(one["case"]), "--json"))
    assert shown["evidence"]["tier"] == "T1"
    assert shown["seen"] == one["seen"]
    assert cases(world, "--tier", "T2", code=0) == []
    assert "no open cases" in syncd(world, "dedupe", "review", "--tier", "none")


def test_a_no_is_for_good_and_yes_can_be_taken_back(world: World) -> None:
    scanned(world)
    number = str(case_of(world)["case"])
    syncd(world, "dedupe", "decide", number, "yes", "--by", "anna")
    assert cases(world, code=0) == []
    syncd(world, "dedupe", "decide", number, "open")
    assert case_of(world)["state"] == "open"
    syncd(world, "dedupe", "decide", number, "no", "--by", "anna", "--note", "[b]two[/b] firms")
    said = syncd(world, "dedupe", "show", number)
    assert "anna said yes" in said
    assert "anna said no: [b]two[/b] firms" in said
    world.in_flowtly("PATCH", "counterparties/2", {"displayName": "Kowalski Sp. z o.o."})
    scanned(world, code=0)
    assert cases(world, code=0) == []
    assert json.loads(syncd(world, "dedupe", "merge", "--json"))["merges"] == []


def test_answers_come_back_from_a_spreadsheet_row_by_row(world: World) -> None:
    party(world, displayName="Kowalski Sp. z o.o.", tin=f"PL{TIN}", bankAccounts=[ACCOUNT])
    scanned(world)
    said = syncd(world, "dedupe", "review", "--csv", "cases.csv", "--separator", ";", code=2)
    assert "3 cases in cases.csv" in said
    file = world.folder / "cases.csv"
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    assert not any(cell.lstrip().startswith(("=", "+", "@")) for row in rows for cell in row.values())
    for row, answer in zip(rows, ("yes", "no", "perhaps"), strict=True):
        row["decision"] = answer
    rows.append({**rows[0], "case": "999", "decision": "no"})
    with file.open("w", encoding="utf-8", newline="") as stream:
        back = csv.DictWriter(stream, list(rows[0]), delimiter=";")
        back.writeheader()
        back.writerows(rows)
    told = json.loads(syncd(world, "dedupe", "decide", "--from", "cases.csv", "--json", code=2))
    assert told["taken"] == {"no": 1, "yes": 1}
    assert [one["where"] for one in told["refused"]] == ["cases.csv:4", "cases.csv:5"]
    assert "yes, no or open, not 'perhaps'" in told["refused"][0]["why"]
    assert "there is no case 999" in told["refused"][1]["why"]
    assert [str(one["case"]) for one in cases(world)] == [rows[2]["case"]]


def test_an_answer_about_records_that_changed_meanwhile_is_refused_with_its_line(world: World) -> None:
    scanned(world)
    listed = json.loads(syncd(world, "dedupe", "review", "--json", code=2))
    listed["cases"][0]["decision"] = "yes"
    (world.folder / "answers.json").write_text(json.dumps(listed))
    world.in_flowtly("PATCH", "counterparties/2", {"displayName": "KOWALSKI Sp. z o.o. Krakow"})
    scanned(world)
    said = syncd(world, "dedupe", "decide", "--from", "answers.json", code=2)
    assert "answers.json: item 1" in said
    assert "look at it again" in said
    assert [one["state"] for one in cases(world)] == ["open"]


def test_without_a_merge_block_the_plan_is_shown_and_nothing_can_be_approved(world: World) -> None:
    scanned(world)
    (one,) = merges(world)
    assert one["state"] == "proposed"
    assert "has no `merge:` block" in syncd(world, "dedupe", "merge", "--all", "--yes", code=3)
    assert "has no `merge:` block" in syncd(world, "dedupe", "merge", "--apply", code=3)
    assert len(parties(world)) == 5


def test_from_the_plan_over_a_look_to_one_record(world: World) -> None:
    configured(world, MERGE)
    scanned(world)
    said = syncd(world, "dedupe", "merge", "-o", "plan.json", code=2)
    assert f"payment risk: bank account {SECOND} is new on the survivor" in said
    assert "requireAttachment" in said
    (one,) = json.loads((world.folder / "plan.json").read_text())["merges"]
    assert one["new_bank_accounts"] == [SECOND]
    before = world.writes()
    assert "1 approved" not in syncd(world, "dedupe", "merge", "--all", answer="n\n", code=1)
    said = syncd(world, "dedupe", "merge", "--approve", str(one["case"]), answer="y\n", code=2)
    assert "NEW BANK ACCOUNTS" in said
    assert "1 approved" in said
    assert world.writes() == before
    (done,) = merges(world, "--apply", code=0)
    assert (done["state"], done["survivor"]) == ("done", one["survivor"])
    left = parties(world)
    assert one["loser"] not in left
    assert sorted(left[one["survivor"]]["bankAccounts"]) == sorted([ACCOUNT, SECOND])
    assert left[one["survivor"]]["requireAttachment"] is True
    scanned(world, code=0)
    assert merges(world, code=0) == []
    said = syncd(world, "dedupe", "undo-info", str(one["case"]))
    assert "Flowtly has no way back from a merge" in said
    # The account that both had is the survivor's own: nobody must take it off.
    assert f"Take off {one['survivor']} the bank accounts that only {one['loser']} had: {SECOND}." in said
    assert "had none" in said
    assert "the merge of case" in syncd(world, "dedupe", "withdraw", str(one["case"]), code=1)
    told = json.loads(syncd(world, "dedupe", "undo-info", str(one["case"]), "--json"))
    assert told["snapshots"][one["loser"]]["raw"]["displayName"] == "KOWALSKI sp z o o"
    assert told["manual"] is True


def test_a_saved_plan_approves_exactly_what_it_holds(world: World) -> None:
    configured(world, MERGE)
    scanned(world)
    syncd(world, "dedupe", "merge", "-o", "plan.json", code=2)
    plan = json.loads((world.folder / "plan.json").read_text())
    plan["merges"][0]["digests"] = dict.fromkeys(plan["merges"][0]["digests"], "another")
    (world.folder / "edited.json").write_text(json.dumps(plan))
    assert "planned anew: look at it again" in syncd(world, "dedupe", "merge", "--from", "edited.json", "-y", code=2)
    (world.folder / "broken.json").write_text("[]")
    assert "is no saved merge plan" in syncd(world, "dedupe", "merge", "--from", "broken.json", "-y", code=1)
    assert "1 approved" in syncd(world, "dedupe", "merge", "--from", "plan.json", "-y", code=2)
    assert "no merge waits for approval" in syncd(world, "dedupe", "merge", "--from", "plan.json", "-y", code=1)
    number = str(plan["merges"][0]["case"])
    syncd(world, "dedupe", "withdraw", number, "--why", "not today")
    assert merges(world, "--apply", code=0) == []
    assert len(parties(world)) == 5


def test_a_person_says_which_record_survives(world: World) -> None:
    configured(world, MERGE)
    scanned(world)
    (one,) = merges(world)
    (other,) = merges(world, "--survivor", f"{one['case']}={one['loser']}")
    assert (other["survivor"], other["loser"]) == (one["loser"], one["survivor"])
    assert other["evidence"]["survivor"] == "pinned by a person"
    wrong = (("77=x", "there is no case 77"), (f"{one['case']}=/api/counterparties/99", "is neither"))
    for pin, message in wrong:
        assert message in syncd(world, "dedupe", "merge", "--survivor", pin, code=1)
    assert merges(world)[0]["survivor"] == other["survivor"]


def test_a_record_that_changed_after_the_approval_is_not_merged(world: World) -> None:
    configured(world, MERGE)
    scanned(world)
    (one,) = merges(world)
    syncd(world, "dedupe", "merge", "--all", "--yes", code=2)
    world.in_flowtly("PATCH", one["loser"].removeprefix("/api/"), {"bankAccounts": [SECOND]})
    (told,) = merges(world, "--apply", code=0)
    assert told["state"] == "withdrawn"
    assert "bankAccounts" in told["detail"]
    assert len(parties(world)) == 5


def test_two_clients_are_never_merged_not_even_after_a_yes(world: World) -> None:
    """The matcher opens no case for the two Nowak companies, and there is none to say yes to."""
    configured(world, MERGE)
    scanned(world)
    named = {key for one in cases(world) for key in (one["left"]["key"], one["right"]["key"])}
    nowaks = {key for key, one in parties(world).items() if one["tin"] == OTHER_TIN}
    assert len(nowaks) == 2
    assert not named & nowaks


def test_an_unclear_merge_waits_for_a_person_and_is_ended_by_one(world: World) -> None:
    configured(world, MERGE)
    scanned(world)
    (one,) = merges(world)
    syncd(world, "dedupe", "merge", "--all", "--yes", code=2)
    world.flowtly.faults.add("reset", method="POST", path="^.*/merge$", times=1)
    (told,) = merges(world, "--apply", code=1)
    world.flowtly.faults.clear()
    assert told["state"] == "unclear"
    assert "unclear" in syncd(world, "dedupe", "merge", code=2)
    assert "is still there" in syncd(world, "dedupe", "accept", str(one["case"]), code=1)
    syncd(world, "dedupe", "withdraw", str(one["case"]), "--why", "looked: not merged")
    assert merges(world, "--apply", code=0) == []
    assert len(parties(world)) == 5


def test_calibrate_counts_what_people_said_and_changes_nothing(world: World) -> None:
    assert "nothing to learn from yet" in syncd(world, "dedupe", "calibrate")
    scanned(world)
    syncd(world, "dedupe", "decide", str(case_of(world)["case"]), "yes")
    (tier,) = json.loads(syncd(world, "dedupe", "calibrate", "--json"))["counterparties"]["tiers"]
    assert (tier["name"], tier["yes"], tier["no"], tier["now"]) == ("T1", 1, 0, "proposed")
    assert tier["advice"] == "more answers"
    assert tier["missing"]["automatic"] == 380
    said = syncd(world, "dedupe", "calibrate")
    assert "more yes without a no until automatic" in said
    assert "Nothing was changed" in said


NONSENSE = (
    (["scan", "counterpartys"], "did you mean 'counterparties'?"),
    (["scan", "-o", "x.csv"], "--output and --tiers go with --records FILE"),
    (["scan", "--shrunk-is-right"], "name it"),
    (["review", "--tier", "T9"], "--tier is one of"),
    (["review", "--separator", "x"], "--separator is"),
    (["show", "77"], "there is no case 77"),
    (["decide", "77", "yes"], "there is no case 77"),
    (["decide", "77"], "give a case and yes, no or open"),
    (["decide", "1", "maybe"], "the answer is yes, no or open"),
    (["decide", "--from", "none.csv"], "cannot be read"),
    (["merge", "--all", "--approve", "1"], "give one of"),
    (["merge", "--approve", "77", "--yes"], "no merge waits for approval: case 77"),
    (["merge", "--survivor", "x"], "CASE=KEY"),
    (["undo-info", "77"], "case 77 has no merge"),
    (["accept", "77"], "case 77 has no merge"),
)


def test_nonsense_is_told_and_does_nothing(world: World) -> None:
    scanned(world)
    for arguments, message in NONSENSE:
        said = syncd(world, "dedupe", *arguments, code=1)
        assert message in said, arguments
        assert "Traceback" not in said
    assert case_of(world)["state"] == "open"
    world.configure()
    assert "no `dedupe:` block" in syncd(world, "dedupe", "review", code=1)


def test_the_daemon_searches_and_merges_only_what_a_tier_switched_on_allows(world: World) -> None:
    """Kowalski brings a new bank account and waits for a person; Wind, certain as well and with none, is merged."""
    wind = world.client(name="Wind ApS", tinCountry="DK", tin="13585628")
    kept = party(world, client=wind, displayName="Wind ApS", tin="13585628", bankAccounts=["DK5000400440116243"])
    gone = party(world, displayName="WIND ApS", tin="DK13585628", bankAccounts=["DK5000400440116243"])
    configured(world, MERGE + "    automatic: [T1]\n    every: 1s\n")
    process = Process(world)
    try:
        eventually(lambda: process.said("merge.done"), patience=90)
        assert gone not in parties(world)
        assert parties(world)[kept]["bankAccounts"] == ["DK5000400440116243"]
        assert len(parties(world)) == 6
        eventually(
            lambda: 'syncd_dedupe_merges{directory="counterparties",state="done"} 1.0' in process.get("/metrics")[1]
        )
        metrics = process.get("/metrics")[1]
        assert 'syncd_dedupe_merges{directory="counterparties",state="proposed"} 1.0' in metrics
        assert 'syncd_dedupe_cases{directory="counterparties",state="open"} 1.0' in metrics
        assert 'syncd_dedupe_searched_timestamp_seconds{directory="counterparties"}' in metrics
        assert "dedupe" not in process.get("/readyz")[1]
        writes, scans = world.writes(), len(process.said("dedupe.scanned"))
        eventually(lambda: len(process.said("dedupe.scanned")) >= scans + 3)
        assert world.writes() == writes
        assert len(process.said("merge.done")) == len(process.said("merge.approved")) == 1
        assert len(process.said("merge.proposed")) == 2
    finally:
        process.stop()
    assert process.process.returncode == 0


def test_a_search_in_trouble_is_told_and_holds_up_nothing(world: World) -> None:
    configured(world, DEDUPE + "    every: 1s\n")
    world.flowtly.faults.add("status", method="GET", path="/counterparties", status=503)
    process = Process(world)
    try:
        eventually(lambda: process.said("dedupe.incomplete"), patience=90)
        eventually(lambda: process.get("/readyz")[0] == 200)
        world.flowtly.faults.clear()
        eventually(lambda: any(one["outcome"] == "done" for one in process.said("dedupe.scanned")))
    finally:
        process.stop()
