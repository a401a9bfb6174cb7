"""The constraints on a whole record, after its types are known to be right: 422 with every violation at once.

Order is that of the declaration; sentences and constraint ids are recorded (cases 97 to 113, 133, 142). Must never
change a value: strings are not trimmed, and blanks count as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from syncd.sandbox.declare import Field, Resource
from syncd.sandbox.denormalise import Changes
from syncd.sandbox.errors import Invalid, Violation
from syncd.sandbox.iso import COUNTRY_CODES, CURRENCY_CODES
from syncd.sandbox.table import completed

_BLANK: Final = ("This value should not be blank.", "c1051bb4-d103-4f74-8988-acbcafc7fdc3")
_NULL: Final = ("This value should not be null.", "ad32d13f-c3d4-423b-909a-857b961eb720")
_CHOICE: Final = ("The value you selected is not a valid choice.", "8e179f1b-97aa-4560-a02f-2a8b42e49df7")
_EMAIL: Final = ("This value is not a valid email address.", "bd79c0ab-ddba-46cc-a703-a7a4b08de310")
_COUNTRY: Final = ("This value is not a valid country.", "8f900c12-61bd-455d-9398-996cd040f7f0")
_CURRENCY: Final = ("This value is not a valid currency.", "69945ac1-2db4-405f-bec7-d2772f73df52")
_TOO_LOW: Final = "ea4e51d1-3342-48bd-87f1-9e672cd90cad"
_NEGATIVE: Final = ("This value should be either positive or zero.", _TOO_LOW)
_SHORT: Final = "9ff3fdc4-b214-49db-8718-39c315e33d45"
_LONG: Final = "d94b19cc-114f-4f44-9cc4-4138e80a87b9"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_EMAIL_FORM: Final = re.compile(r"^[^\s@\"(),:;<>\[\\\]]+@[^\s@.]+(?:\.[^\s@.]+)+$")


def check(
    resources: Mapping[str, Resource],
    resource: Resource,
    values: Mapping[str, Any],
    changes: Changes,
    existing: Mapping[str, int],
) -> None:
    """Validate a record as it would be stored, with the new embedded records of ``changes``.

    ``existing``: how many embedded records each field has now; new ones are counted on from there (recorded: case
    176 names index 1). Raises Invalid.
    """
    found: list[Violation] = []
    for each in resource.fields:
        if each.children:
            found += _nested(resources[each.children], each, changes, existing.get(each.name, 0))
        else:
            found += (Violation(each.name, *broken) for broken in _broken(each, values.get(each.name)))
            found += (Violation(each.name, *broken) for broken in _crossed(each, values))
    if found:
        raise Invalid(found)


def _nested(child: Resource, each: Field, changes: Changes, start: int) -> Iterator[Violation]:
    fresh = [entry for entry in changes.children.get(each.name, ()) if isinstance(entry, Changes)]
    for place, entry in enumerate(fresh, start):
        values = completed(child, entry.values)
        for inner in child.fields:
            # The pointer to the parent is not the child's own business.
            if inner.name != each.parent:
                for message, code in _broken(inner, values.get(inner.name)):
                    yield Violation(f"{each.name}[{place}].{inner.name}", message, code)


def _broken(each: Field, value: Any) -> Iterator[tuple[str, str]]:
    if value is None or value == "":
        if each.required and each.writable:
            yield _NULL if each.reference else _BLANK
            return
        if value is None:
            return
    if each.choices and value not in each.choices:
        yield _CHOICE
    if each.minimum is not None and value < each.minimum:
        yield _NEGATIVE
    if isinstance(value, str):
        yield from _text(each, value)


def _crossed(each: Field, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A date that comes before the one it must not come before (recorded: case 142)."""
    value, bound = values.get(each.name), values.get(each.not_before)
    if value is not None and bound is not None and value < bound:
        yield f"This value should be greater than or equal to {_spoken(datetime.fromisoformat(bound))}.", _TOO_LOW


def _spoken(moment: datetime) -> str:
    """A date as the recorded server's language library writes it, with a narrow space before AM or PM."""
    day = f"{_MONTHS[moment.month - 1]} {moment.day}, {moment.year}"
    return f"{day}, {moment.hour % 12 or 12}:{moment.minute:02d}\u202f{'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004


def _text(each: Field, value: str) -> Iterator[tuple[str, str]]:
    if each.min_length is not None and len(value) < each.min_length:
        yield f"This value is too short. It should have {each.min_length} characters or more.", _SHORT
    if each.max_length is not None and len(value) > each.max_length:
        yield f"This value is too long. It should have {each.max_length} characters or less.", _LONG
    if each.format == "email" and value and not _EMAIL_FORM.match(value):
        yield _EMAIL
    if each.format == "country" and value and value not in COUNTRY_CODES:
        yield _COUNTRY
    if each.format == "currency" and value and value not in CURRENCY_CODES:
        yield _CURRENCY
