"""Contacts of clients as people see them in Flowtly, beside the parties of a ``World``, and how both are judged.

Nothing of the product helps to judge; parties are read by Tryton's own interface, contacts by the sandbox's back door.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.e2e.tryton_cast import Facts, facts
from tests.e2e.tryton_world import MAPPING, World

CONTACTS = "tryton-contacts"
CHILDREN_FIRST = (CONTACTS, MAPPING)
SAME = ("client", "email", "name", "phone")


def mailed(number: int, **other: str | None) -> Facts:
    """A company of the cast, in use, that has a mail address."""
    return {**facts(number), "status": "active", "email": f"post-{number}@example.com", **other}


@dataclass
class Contacts:
    """The contacts of a world."""

    world: World

    def add(self, client: str, email: str, name: str, **other: Any) -> str:
        """A person adds a contact to a client; its IRI."""
        fields = {"client": client, "email": email, "name": name, "type": "general", **other}
        return str(self.world.in_flowtly("POST", "client-contacts", fields)["@id"])

    def edit(self, iri: str, **fields: Any) -> None:
        """A person edits a contact."""
        self.world.in_flowtly("PATCH", f"client-contacts/{iri.rpartition('/')[2]}", fields)

    def all(self) -> dict[str, dict[str, Any]]:
        """Every contact by IRI."""
        rows = self.world.in_flowtly("GET", "client-contacts")
        return {f"/api/client-contacts/{row['id']}": row for row in rows}

    def links(self) -> dict[str, str]:
        """Party id to the IRI of its contact."""
        return self.world.links(CONTACTS)

    def wanted(self) -> dict[str, dict[str, Any]]:
        """What the contact of each party that has a mail address and a client should be, by party id."""
        clients = self.world.links()
        found = {}
        for key, row in self.world.raw_parties().items():
            ways: dict[str, str] = {}
            for one in row["contact_mechanisms."]:
                ways.setdefault(one["type"], one["value"])
            if ways.get("email") and key in clients:
                contact = {"client": clients[key], "email": ways["email"].lower(), "name": row["name"]}
                found[key] = {**contact, "phone": ways.get("phone")}
        return found

    def assert_converged(self) -> None:
        """One contact for each party that can have one, equal to it but for open questions; nobody there twice."""
        wanted, links, contacts = self.wanted(), self.links(), self.all()
        asked = {(row.external_key, row.field) for row in self.world.questions(CONTACTS)}
        assert set(wanted) == set(links)
        for key, iri in links.items():
            there = {name: contacts[iri].get(name) for name in SAME}
            there["email"] = there["email"].lower()  # how a mail address is spelled is no difference
            assert {name for name in SAME if there[name] != wanted[key][name]} == {
                field for party, field in asked if party == key
            }, (key, there, wanted[key])
        assert len(set(links.values())) == len(links)
        counted = Counter((one["client"], one["email"].lower(), one["type"]) for one in contacts.values())
        assert [person for person, count in counted.items() if count > 1] == []
