"""What people answer, at whatever moment: it is carried out once, or it is asked again, and it breaks nothing."""

from __future__ import annotations

from syncd.core.model import Side
from syncd.core.plan import Kind
from tests.engine.world import MAPPING, SETTINGS, World


def test_two_answers_that_name_the_same_record_do_not_stop_the_mapping(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Ada again ApS", vat_no="DK10000001")
    world.customer("C3", company_name="Bea ApS", vat_no="DK10000003")
    world.customer("C4", company_name="Bea again ApS", vat_no="DK10000003")
    iri = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    world.run(person=True)
    first, second = world.questions("ambiguous")
    world.store.dismiss(first.id, f"link C1 = {iri}", "tester")
    world.store.dismiss(second.id, f"link C3 = {iri}", "tester")
    world.customer("C9", company_name="Waits ApS", vat_no="DK10000009")
    world.settled()
    assert list(world.links().values()).count(iri) == 1
    assert "C9" in world.links()


def test_an_answer_given_while_a_run_is_writing_is_carried_out(approved: World) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", phone="1")
    world.settled()
    iri = world.links()["C1"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.run()
    (question,) = world.questions("field")
    world.erp("UPDATE customers SET phone = '2' WHERE customer_no = 'C1'")
    answered = []

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking" and not answered:
            answered.append(question.id)
            world.store.resolve(question.id, Side.EXTERNAL, None, "tester")

    world.run(progress=meanwhile)
    assert answered
    world.settled()
    assert world.clients()[iri]["addressCity"] == "Vejle"
    assert world.questions() == []


def test_what_a_person_sees_in_a_plan_is_what_that_person_applies(approved: World) -> None:
    """Law 7: a weak match is asked about in the plan, so applying it asks as well."""
    world = approved
    world.customer("C1", company_name="Ada ApS")
    world.client(name="Ada ApS")
    shown = world.run(write=False).plan
    assert [item.kind for item in shown.items] == [Kind.ASK]
    applied = world.run(person=True).plan
    assert [item.fingerprint for item in applied.items] == [item.fingerprint for item in shown.items]
    assert world.links() == {}


def test_a_create_in_doubt_survives_an_edit_of_the_mapping(world: World) -> None:
    """It has no match key, so it is looked for by all its fields, and one of them is not mapped any more."""
    mapping = MAPPING.replace("match: [[vat], [name, country]]", "match: [[vat]]")
    world.configure(mapping, SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, requests=30)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", city="Odense")
    world.run()
    assert len(world.store.open_operations("clients")) == 1
    world.configure(
        mapping.replace("  addressCity: city\n", ""), SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h")
    )
    for _ in range(20):
        world.run(person=True)
    assert list(world.links()) == ["C1"]
    assert len(world.clients()) == 1
