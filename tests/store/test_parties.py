"""Parties in the store: what is kept, what is counted of them, who is compared, and when one counts as gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.counterparties.census import Counted, count, marks
from syncd.counterparties.normalise import VERSION, prepare
from syncd.counterparties.party import Party, Prepared
from syncd.counterparties.scan import survey
from syncd.errors import LeaseLost, Refused
from syncd.ports.parties import Keying, Pair
from syncd.store.parties import let_go
from syncd.store.postgres import PostgresStore
from tests.store.kit import Kit
from tests.store.parties_kit import SOURCE, Desk, firms, nip, stored

ROWS = "SELECT (SELECT jsonb_agg(to_jsonb(p) ORDER BY key) FROM party p)::text, (SELECT jsonb_agg(to_jsonb(b) ORDER BY block, key) FROM party_block b)::text, (SELECT jsonb_agg(to_jsonb(f) ORDER BY kind, value, key) FROM party_fact f)::text, (SELECT jsonb_agg(to_jsonb(t) ORDER BY token) FROM party_token t)::text"


@pytest.fixture
def desk(store: PostgresStore) -> Desk:
    return Desk.on(store)


def asked(census: Counted, one: Prepared) -> tuple[object, ...]:
    """Everything a decision may ask about one party."""
    return (
        {token: census.frequency(token) for token in one.name.tokens},
        {mark: census.names_on(*mark) for mark in marks(one)},
        census.forms_of(one.name.sorted),
        census.tins_of(one.name.sorted),
    )


def test_a_party_comes_back_as_it_went_in_and_is_known_by_hash_and_version(desk: Desk) -> None:
    party = Party(
        "1",
        name="Żółw 2 sp. z o.o.",
        other_names=("Zolw",),
        tin=nip(1),
        country="PL",
        accounts=("PL61109010140000071219812874",),
        client="/api/clients/1",
        display=True,
    )
    desk.keep(stored(party, "word=zolw", "tin=5"))
    found = desk.store.parties(desk.name, ["1", "2"])
    assert found == {"1": stored(party, "tin=5", "word=zolw")}
    inputs = prepare(party).inputs
    assert desk.store.unchanged(desk.name, {"1": inputs, "2": inputs}, VERSION) == {"1"}
    assert desk.store.unchanged(desk.name, {"1": inputs}, VERSION + 1) == set()
    assert desk.store.unchanged(desk.name, {"1": "other"}, VERSION) == set()
    assert desk.store.unchanged("others", {"1": inputs}, VERSION) == set()


def test_counts_are_those_of_the_census_in_memory_also_after_records_changed_and_went(desk: Desk, kit: Kit) -> None:
    parties = firms(300)
    desk.keep(*parties)
    changed = [replace(one, name=f"{one.name} Nord", tin=nip(3), phone="") for one in parties[20:60]]
    desk.keep(*changed)
    gone = [one.id for one in parties[250:]]
    living = [one for one in parties if one.id not in gone]
    for _ in range(2):
        desk.forget(*(one.id for one in living))
    now = {one.id: prepare(one) for one in [*living, *changed]}
    memory = count(now.values())
    one_by_one, loaded = desk.store.census(desk.name), desk.store.census(desk.name)
    loaded.load(now.values())
    assert len(now) == 250
    for one in now.values():
        assert asked(one_by_one, one) == asked(memory, one) == asked(loaded, one)
    # What nobody has any more is not there any more.
    assert one_by_one.frequency("nobody") == 0 == memory.frequency("nobody")
    assert kit.scalar("SELECT count(*) FROM party_token WHERE parties = 0") == 0
    assert kit.scalar("SELECT count(*) FROM party_fact WHERE key = ANY(:gone)", gone=gone) == 0


def test_the_census_of_one_directory_knows_nothing_of_another(store: PostgresStore) -> None:
    one, other = Desk.on(store), Desk.on(store, "customers")
    one.keep(Party("1", name="Bryg ApS", tin=nip(1), country="PL"))
    other.keep(Party("1", name="Bryg A/S", tin=nip(2), country="PL"))
    assert one.store.census(one.name).forms_of("bryg") == {"aps"}
    assert other.store.census(other.name).tins_of("bryg") == {f"PL{nip(2)}"}
    other.forget(), other.forget()
    assert store.census(one.name).frequency("bryg") == 1


@pytest.mark.parametrize("cap", [8, 40])
def test_pairs_are_those_of_the_search_in_memory(desk: Desk, cap: int) -> None:
    prepared = [prepare(one) for one in firms(250)]
    found = survey(prepared, cap=cap)
    wanted = {
        (found.records[position].id, found.records[other].id): set(kinds)
        for position in range(len(found.records))
        for other, kinds in found.candidates(position).items()
    }
    desk.keep(*firms(250))
    desk.key_all(prepared, found.census)
    pairs = list(desk.store.pairs(desk.name, None, cap))
    assert {(one.left, one.right): {block.partition("=")[0] for block in one.blocks} for one in pairs} == wanted
    assert [(one.left, one.right) for one in pairs] == sorted(wanted)
    assert desk.store.capped(desk.name, None, cap) == {
        f"{one.key.kind}={one.key.value}": one.records for one in found.skipped
    }
    # A changed record probes only its own keys, and finds what the whole search finds.
    some = ["f00003", "f00100", "f00101", "nobody"]
    probed = list(desk.store.pairs(desk.name, some, cap))
    assert probed == [one for one in pairs if {one.left, one.right} & set(some)]


def test_a_block_beyond_the_cap_brings_nobody_together_and_one_below_it_does(desk: Desk) -> None:
    desk.keep(*(Party(str(one), name=f"Firm {one}") for one in range(5)))
    desk.key({str(one): ["domain=big.example"] for one in range(5)})
    assert list(desk.store.pairs(desk.name, None, 4)) == [] == list(desk.store.pairs(desk.name, ["1"], 4))
    assert desk.store.capped(desk.name, None, 4) == {"domain=big.example": 5} == desk.store.capped(desk.name, ["1"], 4)
    assert len(list(desk.store.pairs(desk.name, None, 5))) == 10
    assert len(list(desk.store.pairs(desk.name, ["1"], 5))) == 4
    assert desk.store.capped(desk.name, ["1"], 5) == {}


def test_new_keys_replace_the_old_ones(desk: Desk) -> None:
    desk.keep(Party("1", name="A Firm"), Party("2", name="B Firm"))
    desk.key({"1": ["word=a", "tin=1"], "2": ["tin=1", "word=b"]})
    assert list(desk.store.pairs(desk.name, None, 9)) == [Pair("1", "2", ("tin=1",))]
    desk.key({"1": ["word=b"]})
    assert (
        list(desk.store.pairs(desk.name, None, 9))
        == [Pair("1", "2", ("word=b",))]
        == list(desk.store.pairs(desk.name, ["2"], 9))
    )
    assert desk.store.parties(desk.name, ["1"])["1"].keys == ("word=b",)


def test_what_is_the_same_already_is_not_written(desk: Desk, kit: Kit) -> None:
    desk.keep(*firms(30))
    desk.key({"f00001": ["word=a"], "f00002": ["word=a"]})
    desk.based()
    before = kit.rows(
        "SELECT ctid::text, xmin::text, key FROM party UNION ALL SELECT ctid::text, xmin::text, block FROM party_block ORDER BY 3, 1"
    )
    desk.key({"f00001": ["word=a"], "f00002": ["word=a"]})
    assert desk.forget(*(one.id for one in firms(30))) == []
    desk.store.settle_parties(desk.name, None, desk.lease)
    assert (
        kit.rows(
            "SELECT ctid::text, xmin::text, key FROM party UNION ALL SELECT ctid::text, xmin::text, block FROM party_block ORDER BY 3, 1"
        )
        == before
    )


def test_a_party_is_gone_after_two_complete_readings_that_did_not_see_it(desk: Desk) -> None:
    desk.keep(*(Party(key, name=f"{key} Firm") for key in "abc"))
    desk.key({key: ["word=firm"] for key in "abc"})
    assert desk.forget("a", "b") == []
    assert desk.forget("a", "b", "c") == []  # seen again: the count begins anew
    assert desk.forget("a", "b") == []
    assert set(desk.store.parties(desk.name, ["a", "b", "c"])) == {"a", "b", "c"}
    assert desk.forget("a", "b") == ["c"]
    assert desk.forget("a", "b") == []
    assert desk.store.parties(desk.name, ["c"]) == {}
    assert desk.store.party_count(desk.name) == 2
    assert list(desk.store.party_keys(desk.name)) == ["a", "b"]
    assert [(one.left, one.right) for one in desk.store.pairs(desk.name, None, 9)] == [("a", "b")]
    last = desk.store.last_known(desk.name, ["c"])["c"]
    assert (last.gone, last.party.name) == (True, "c Firm")


def test_a_party_that_comes_back_is_new(desk: Desk) -> None:
    desk.keep(Party("a", name="Bryg ApS"), Party("b", name="Bryg ApS"))
    desk.based()
    desk.forget("a"), desk.forget("a")
    inputs = prepare(Party("b", name="Bryg ApS")).inputs
    assert desk.store.unchanged(desk.name, {"b": inputs}, VERSION) == set()
    assert desk.store.census(desk.name).frequency("bryg") == 1
    desk.keep(Party("b", name="Bryg ApS"))
    assert desk.store.census(desk.name).frequency("bryg") == 2
    assert desk.store.parties(desk.name, ["b"])["b"].gone is False
    assert "b" in desk.due()[0]


def test_what_changed_is_due_and_so_is_whoever_shares_something_with_it_as_it_was_or_is(desk: Desk) -> None:
    desk.keep(
        Party("old-tin", name="Kran", tin=nip(1), country="PL"),
        Party("new-tin", name="Lampe", tin=nip(2), country="PL"),
        Party("old-name", name="Mejeri ApS"),
        Party("new-name", name="Papir A/S"),
        Party("phone", name="Uld", phone="+45 33120001"),
        Party("stranger", name="Zink"),
        Party("it", name="Mejeri", tin=nip(1), country="PL", phone="+45 33120001"),
    )
    assert len(desk.due()[0]) == 7
    desk.based()
    assert desk.due() == ((), ())
    desk.keep(Party("it", name="Papir", tin=nip(2), country="PL"))
    assert desk.due() == (("it",), ("new-name", "new-tin", "old-name", "old-tin", "phone"))
    desk.store.settle_parties(desk.name, ["it", "phone"], desk.lease)
    assert desk.due() == ((), ("new-name", "new-tin", "old-name", "old-tin"))
    desk.store.settle_parties(desk.name, None, desk.lease)
    others = ("new-name", "new-tin", "old-name", "old-tin", "phone", "stranger")
    desk.forget(*others), desk.forget(*others)
    assert desk.due() == ((), ("new-name", "new-tin"))


def test_a_merged_party_goes_at_once(desk: Desk) -> None:
    desk.keep(Party("a", name="Bryg", tin=nip(1), country="PL"), Party("b", name="Bryg", tin=nip(1), country="PL"))
    desk.based()
    with desk.store.transaction() as connection:
        let_go(connection, desk.name, ["b"], "a")
    assert list(desk.store.party_keys(desk.name)) == ["a"]
    assert desk.due() == ((), ("a",))
    assert desk.store.census(desk.name).frequency("bryg") == 1


def test_a_directory_remembers_from_what_its_keys_were_made(desk: Desk) -> None:
    assert desk.store.keying(desk.name) is None
    desk.store.keep_keying(desk.name, Keying(12, "v1"), desk.lease)
    desk.store.keep_keying(desk.name, Keying(15, "v2"), desk.lease)
    assert desk.store.keying(desk.name) == Keying(15, "v2")
    assert desk.store.keying("others") is None


def test_a_directory_whose_records_are_others_by_now_is_refused(desk: Desk) -> None:
    desk.store.begin_directory(desk.name, SOURCE, desk.lease)
    with pytest.raises(Refused, match="was about erp suppliers and is about crm firms now"):
        desk.store.begin_directory(desk.name, "crm firms", desk.lease)


def test_nothing_is_written_under_a_lost_lease(desk: Desk, kit: Kit) -> None:
    desk.keep(*firms(5))
    before = kit.rows(ROWS)
    lost = replace(desk.lease, fence=desk.lease.fence - 1)
    store, name = desk.store, desk.name
    for attempt in (
        lambda: store.keep_parties(name, [stored(Party("x", name="X"))], lost),
        lambda: store.key_parties(name, {"f00001": ["word=x"]}, lost),
        lambda: store.forget_parties(name, [], lost),
        lambda: store.settle_parties(name, None, lost),
        lambda: store.keep_keying(name, Keying(1, "v"), lost),
        lambda: store.keep_decisions(name, [], lost),
        lambda: store.begin_directory("new", SOURCE, lost),
    ):
        with pytest.raises(LeaseLost):
            attempt()
    assert kit.rows(ROWS) == before
