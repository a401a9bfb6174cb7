"""Filters over questions: each name, both comparisons, all together; and what is no filter is named."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from syncd.cli.where import chosen, parse
from syncd.core.model import ABSENT, MaybeValue
from syncd.ports import ConflictRow

NOW = datetime(2031, 5, 1, tzinfo=UTC)


def row(number: int, external: MaybeValue = "Vejle", flowtly: MaybeValue = "Skive", **kw: str) -> ConflictRow:
    given = {"mapping": "clients", "kind": "field", "field": "city", "key": "C1", "detail": "policy:ask", **kw}
    return ConflictRow(
        number,
        given["mapping"],
        given["kind"],
        given["key"],
        "/api/clients/7",
        given["field"],
        None,
        None,
        external,
        flowtly,
        given["detail"],
        NOW,
        1,
    )


ROWS = [
    row(1),
    row(2, Decimal("10.5"), None, field="amount", key="C[2]"),
    row(3, mapping="suppliers", detail="fixed; one side keeps what it has"),
    row(4, None, None, field="*", kind="refused", detail="too long"),
    row(5, ABSENT, "skive a", key="D*"),
]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["field=city"], [1, 3, 5]),
        (["field=c*", "mapping=cl?ents"], [1, 5]),
        (["mapping~SUPP"], [3]),
        (["kind=refused"], [4]),
        (["rule=policy:ask"], [1, 2, 5]),
        (["rule=fixed"], [3]),
        (["key=C1"], [1, 3, 4]),
        (["key=/api/clients/*"], [1, 2, 3, 4, 5]),
        (["key=C[[]2]"], [2]),
        (["key~d*"], [5]),
        (["external=10.5"], [2]),
        (["external="], [4, 5]),
        (["flowtly~SKIVE"], [1, 3, 5]),
        (["flowtly=skive"], []),
        (["flowtly=Skive", "external~=", "kind=field"], []),
    ],
)
def test_every_filter_must_fit(filters: list[str], numbers: list[int]) -> None:
    assert [one.id for one in chosen(ROWS, parse(filters))] == numbers


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("field", "is not NAME=PATTERN"),
        ("", "is not NAME=PATTERN"),
        ("=x", "is not NAME=PATTERN"),
        ("feild=x", "did you mean 'field'"),
        ("colour~x", "there are mapping, kind, field"),
        ("field~", "fits everything"),
    ],
)
def test_what_is_no_filter_is_named(bad: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse(["kind=field", bad])
    assert repr(bad) in str(error.value)
