"""The words of this package: a party as its system gave it, and the same party prepared for comparison. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    """One supplier or customer as its system gave it. A text is empty where the system says nothing.

    ``display``: ``name`` is only what the system shows (Flowtly's computed ``displayName``), not a legal name.
    ``website`` must be left out where the system may have guessed it from the name (Flowtly's enrichment does).
    """

    id: str
    name: str = ""
    other_names: tuple[str, ...] = ()
    tin: str = ""
    country: str = ""
    accounts: tuple[str, ...] = ()
    street: str = ""
    postal: str = ""
    city: str = ""
    website: str = ""
    email: str = ""
    phone: str = ""
    regno: str = ""
    client: str = ""
    supplier: str = ""
    client_tin: str = ""
    supplier_tin: str = ""
    display: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """One name, taken apart. ``tokens`` are those of the stem, in their order; ``form`` is a canonical code or empty.

    The stem is casefolded and folded to plain letters, without legal form, customer code or punctuation; numerals stay
    in it and stand again in ``numerals`` (roman ones as arabic).
    """

    raw: str
    tokens: tuple[str, ...] = ()
    form: str = ""
    numerals: frozenset[str] = frozenset()

    @property
    def stem(self) -> str:
        """The tokens in their order, with spaces."""
        return " ".join(self.tokens)

    @property
    def sorted(self) -> str:
        """The tokens in alphabetical order, without spaces: the same for a name in another word order."""
        return "".join(sorted(self.tokens))


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A tax number: ``valid`` is country code and number when its check passes, else empty and ``problem`` says why.

    ``digits`` is what was written, without separators and prefix, also when it is not valid.
    """

    raw: str = ""
    valid: str = ""
    digits: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A party, normalised once. ``inputs`` is the hash of what it was made from, ``version`` of the rules that made it.

    ``names`` has the main name first; it is never empty (a party without a name has one without tokens).
    ``accounts`` are valid IBANs only, sorted. ``domain`` is nobody's free mail and no platform's.
    """

    id: str
    inputs: str
    version: int
    names: tuple[Name, ...]
    tin: TaxNumber = TaxNumber()
    client_tin: TaxNumber = TaxNumber()
    supplier_tin: TaxNumber = TaxNumber()
    country: str = ""
    accounts: tuple[str, ...] = ()
    domain: str = ""
    phone: str = ""
    house: str = ""
    street: str = ""
    postal: str = ""
    city: str = ""
    regno: str = ""
    client: str = ""
    supplier: str = ""
    display: bool = False

    @property
    def name(self) -> Name:
        """The main name."""
        return self.names[0]
