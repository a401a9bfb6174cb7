"""How the sums of one allocation are told on both sides: units, signs, fields, names. Reads only, decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from syncd.budgets.money import exponent
from syncd.core.model import Side
from syncd.engine.allocating.words import Allocation
from syncd.mapping.compiled import CompiledMapping, Lookups, LookupTable
from syncd.ports import Store
from syncd.ports.budget_links import Unit
from syncd.ports.incidents import TransactionFields

_USUAL_DECIMALS: Final = 2


@dataclass(frozen=True, slots=True)
class Scales:
    """What has to be known of an allocation to compare both sides.

    ``name``: of the allocation and its mapping. ``of``: the mapping of its postings. ``targets``: the mapping of its
    budgets, or None where they are found in the list ``lookup``. ``unit`` None: not calibrated yet. ``sign``: of a cost
    at Flowtly's transactions. ``field``: what a link's budget is called in its documents. ``transactions`` None: that
    mapping keeps no amounts.
    """

    name: str
    of: str
    targets: str | None
    lookup: tuple[str, str] | None
    ignore_case: bool
    unit: Unit | None
    sign: int
    exponents: Mapping[str, int]
    field: str
    transactions: TransactionFields | None

    @property
    def minor(self) -> bool:
        """Whether links count minor units."""
        return self.unit is not Unit.MAJOR

    def decimals(self, currency: str) -> int:
        """How many decimals a currency has; those of most where it is not known."""
        try:
            return exponent(currency, self.exponents)
        except ValueError:
            return _USUAL_DECIMALS


def scales_of(allocation: Allocation, of: CompiledMapping, store: Store) -> Scales:
    """How things are told now: the unit of amounts may have been calibrated since the last run."""
    links = allocation.links
    known = store.calibration(allocation.name) if links.unit == "calibrated" else None
    unit = Unit(links.unit) if links.unit != "calibrated" else known and known.unit
    by = links.target.lookup and (links.target.lookup, links.target.by or "")
    return Scales(
        name=allocation.name,
        of=allocation.of,
        targets=links.target.mapping,
        lookup=by or None,
        ignore_case=links.target.ignore_case,
        unit=unit or None,
        sign=allocation.transaction_factor if known is None else known.sign,
        exponents=allocation.exponents,
        field=allocation.target_field,
        transactions=_transactions(allocation, of),
    )


def _transactions(allocation: Allocation, of: CompiledMapping) -> TransactionFields | None:
    """Under which names the mapping of the postings keeps what is compared.

    Account and day are compared where both sides' come from the raw field that the allocation reads.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, spec in of.spec.fields.items():
        flowtly = spec.flowtly.field if spec.flowtly is not None else (name,)
        external = spec.external.field if spec.external is not None else ()
        if spec.constant is None and len(flowtly) == len(external) == 1:
            found[flowtly[0]] = (name, external[0])
    reading = allocation.reading
    if found.get("amount", ("", ""))[1] != reading.amount:
        return None
    account, read_account = found.get("bankAccount", ("", ""))
    day, read_day = found.get("execDate", ("", ""))
    return TransactionFields(
        account=account if read_account == reading.account else "",
        day=day if read_day == reading.day else "",
        amount=found["amount"][0],
    )


class Names:
    """Which budget key is which IRI, by the links of a mapping or by a list. Asks the store at most once for each."""

    def __init__(self, scales: Scales, store: Store, lookups: Lookups) -> None:
        self._scales, self._store = scales, store
        table = None if scales.lookup is None else lookups.get(scales.lookup)
        self._keys: dict[str, str] = {}
        self._iris: dict[str, str] = {}
        if isinstance(table, LookupTable):
            self._keys = {iri: str(value) for iri, value in table.values.items() if value is not None}
            self._iris = {self._spelled(value): iri for iri, value in self._keys.items()}

    def learn(self, keys: Iterable[str], iris: Iterable[str]) -> None:
        """Look up several at once."""
        if self._scales.targets is None:
            return
        unknown = {key for key in keys if key not in self._iris}
        if unknown:
            self._iris.update(self._store.partners(self._scales.targets, Side.EXTERNAL, sorted(unknown)))
        nameless = {iri for iri in (*iris, *self._iris.values()) if iri not in self._keys}
        if nameless:
            self._keys.update(self._store.partners(self._scales.targets, Side.FLOWTLY, sorted(nameless)))

    def iri(self, key: str) -> str | None:
        """The address of a budget; None while it is not linked. Several keys may have one: aliases."""
        return self._iris.get(self._spelled(key))

    def key(self, iri: str) -> str:
        """The budget's own key; its address where it is none of ours."""
        return self._keys.get(iri, iri)

    def _spelled(self, key: str) -> str:
        return key.casefold() if self._scales.ignore_case else key
