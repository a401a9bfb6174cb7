"""Whether a file is what it should be: an MT940 statement that adds up, a zip that can be unpacked without harm.

It opens what a peer sent and believes nothing in it: neither sizes nor names nor balances. It never unpacks anything.
"""

from __future__ import annotations

import io
import logging
import stat
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

import mt940

from syncd.connectors.flowtly.transfer_limits import TransferLimits

# It logs the lines it cannot read, which are somebody's payments.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)

_PIECE: Final = 1 << 16
_BEGIN: Final = ":20:"
_STATEMENT: Final = 1 << 26  # characters of one statement; the standard's own pages have 2,000
_OPTIONS: Final = mt940.Options(reversal_sign=True, case_insensitive_marks=True)
_MT940_TROUBLE: Final = (RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError)
_ZIP_TROUBLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OSError,
)
_END: Final = (b"PK\x05\x06", 22)
_END_64: Final = (b"PK\x06\x06", 56)
_LONGEST_COMMENT: Final = 1 << 16
_ENTRY: Final = 1 << 10  # bytes that one file may take in the list of a zip


class Unfit(ValueError):
    """The content is not what it should be; the text says why and repeats none of it."""


def check_mt940(path: Path, _limits: TransferLimits) -> None:
    """At least one whole statement, each with account and balances that its entries explain. Raises Unfit."""
    count = 0
    # ISO 8859-1 reads any byte; whatever stands beyond ASCII is in free text, which does not matter here.
    with path.open(encoding="iso-8859-1", newline=None) as lines:
        for text in _statements(lines):
            count += 1
            _check_statement(text, count)
    if not count:
        raise Unfit("there is no MT940 statement in it")


def _statements(lines: IO[str]) -> Iterator[str]:
    """The text of each statement or page, from its ``:20:`` on."""
    held: list[str] = []
    size = 0
    for line in lines:
        if line.startswith(_BEGIN) and held:
            yield "".join(held)
            held, size = [], 0
        elif not held and not line.startswith(_BEGIN):
            if line.strip() and not line.startswith("{"):  # an envelope of SWIFT may stand around
                raise Unfit("it does not begin as an MT940 statement does")
            continue
        size += len(line)
        if size > _STATEMENT:
            raise Unfit("a statement of absurd length")
        held.append(line)
    if held:
        yield "".join(held)


def _check_statement(text: str, number: int) -> None:
    if "\x00" in text:
        raise Unfit(f"statement {number} holds NUL characters")
    try:
        # As a stream: a text that happens to be the name of a file would be opened.
        (parsed,) = mt940.parse_statements(io.StringIO(text), options=_OPTIONS)
        opening, closing = _balance(parsed.data, "opening"), _balance(parsed.data, "closing")
        booked = sum((entry.data["amount"].amount for entry in parsed if "amount" in entry.data), Decimal())
    except _MT940_TROUBLE as error:
        raise Unfit(f"statement {number} cannot be read as MT940 ({type(error).__name__})") from None
    if not parsed.data.get("account_identification"):
        raise Unfit(f"statement {number} names no account")
    if opening is None or closing is None:
        missing = "opening" if opening is None else "closing"
        raise Unfit(f"statement {number} has no {missing} balance: it is not whole")
    if opening + booked != closing:
        raise Unfit(f"statement {number} does not add up: its entries do not lead from one balance to the other")


def _balance(data: Any, which: str) -> Decimal | None:
    """The opening or closing balance of a statement or of a page of one."""
    found = data.get(f"final_{which}_balance") or data.get(f"intermediate_{which}_balance")
    return None if found is None else Decimal(found.amount.amount)


def check_zip(path: Path, limits: TransferLimits) -> None:
    """A zip whose every file unpacks to what its checksum says, with harmless names and sizes. Raises Unfit."""
    try:
        _check_list(path, limits)
        with zipfile.ZipFile(path) as archive:
            files = archive.infolist()
            if len(files) > limits.max_files:
                raise Unfit(f"the zip holds {len(files)} files, more than {limits.max_files}")
            if sum(each.file_size for each in files) > limits.max_unpacked:
                raise Unfit(f"the zip would unpack to more than {limits.max_unpacked} bytes")
            for number, each in enumerate(files, start=1):
                _check_name(each, number)
                _check_file(archive, each, number)
    except _ZIP_TROUBLE as error:
        raise error if isinstance(error, Unfit) else Unfit(f"it is no whole zip ({type(error).__name__})") from None


def _check_list(path: Path, limits: TransferLimits) -> None:
    """The list of files is read as a whole by ``zipfile``: its size is looked at before."""
    with path.open("rb") as file:
        start = max(0, file.seek(0, io.SEEK_END) - _LONGEST_COMMENT - _END[1] - 2 * _END_64[1])
        file.seek(start)
        tail = file.read()
    end, end_64 = tail.rfind(_END[0]), tail.rfind(_END_64[0])
    if end < 0:
        raise Unfit("it is no whole zip (it has no end)")
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    if end_64 >= 0:  # what stands there counts, and the shorter number is only a placeholder
        size = int.from_bytes(tail[end_64 + 40 : end_64 + 48], "little")
    if size > limits.max_files * _ENTRY:
        raise Unfit("the zip has a list of files of absurd length")


def _check_name(each: zipfile.ZipInfo, number: int) -> None:
    """Raises Unfit for a name that would lead out of the folder it is unpacked in, on any system."""
    name = each.orig_filename.replace("\\", "/")
    steps = name.removesuffix("/").split("/")
    absolute = name.startswith("/") or ":" in steps[0]
    if not name or absolute or ".." in steps or "\x00" in name or not name.isprintable():
        raise Unfit(f"file {number} of the zip has a name that leads elsewhere")
    if stat.S_ISLNK(each.external_attr >> 16):
        raise Unfit(f"file {number} of the zip is a link")


def _check_file(archive: zipfile.ZipFile, each: zipfile.ZipInfo, number: int) -> None:
    """Read to its end, where ``zipfile`` compares the checksum."""
    size = 0
    with archive.open(each) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
    if size != each.file_size:
        raise Unfit(f"file {number} of the zip is not as long as it says")
