"""Date and moment lenses. Canonical is a date, or a moment in UTC to the second; Flowtly is always written in ISO.

A moment or date that the given format cannot carry without loss (the hour that a clock change repeats, the year 1950 in
``%y``) is refused for writing, never shortened.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from random import Random
from typing import Annotated, ClassVar, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, field_validator

from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import Kinds, Lens, LensSpec, Place, Sample, SideName, kind_of, single
from syncd.mapping.lookups import Lookups
from syncd.mapping.problems import did_you_mean
from syncd.mapping.records import Unfit

_PROBES: Final = (date(1999, 12, 31), date(2004, 2, 29), date(2031, 10, 5))
_NOON: Final = time(12, 34)
_ISO: Final = "%Y-%m-%dT%H:%M:%S+00:00"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _known_zone(name: str) -> str:
    """The name of a time zone that exists. Raises ValueError with the nearest one."""
    try:
        _zone(name)
    except (LookupError, OSError, ValueError) as error:
        near = did_you_mean(name, available_timezones())
        raise ValueError(f"unknown time zone {name!r}{', ' + near if near else ''}") from error
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]


class _Timed(LensSpec):
    """What both lenses have in common."""

    main: ClassVar[str | None] = "format"

    format: str | None = Field(
        default=None,
        min_length=2,
        description="One side's text, in strptime letters (%d.%m.%Y). Without it: ISO text or a native type.",
    )
    zone: ZoneName = Field(default="UTC", description="Time zone of stamps that do not carry one, on the same side.")
    on: SideName | None = Field(default=None, description="The side the format is of; external by default.")

    @field_validator("format")
    @classmethod
    def _carries_the_date(cls, pattern: str | None) -> str | None:
        """A format that loses the year, month or day would destroy what the other side knows."""
        if pattern is None:
            return None
        for probe in _PROBES:
            try:
                kept = datetime.strptime(datetime.combine(probe, _NOON).strftime(pattern), pattern)  # noqa: DTZ007
            except ValueError as error:
                raise ValueError(f"the format cannot be read back: {error}") from error
            if kept.date() != probe:
                raise ValueError("the format loses a part of the date; it needs year, month and day")
        return pattern

    def _form(self, side: Side, place: Place) -> tuple[str | None, tzinfo]:
        """The format and zone that hold on one side."""
        home = side is place.home(self.on, Side.EXTERNAL)
        return (self.format, _zone(self.zone)) if home else (None, UTC)


class Date(_Timed):
    """Calendar dates: ``31.12.2026`` on one side, ``2026-12-31T00:00:00+00:00`` in Flowtly.

    Without a format the other side has ISO text or native dates and is written native dates. A stamp with an offset
    counts as its day in ``zone``; in Flowtly as its day in UTC.
    """

    word: ClassVar[str] = "date"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = 'through: {date: "%d.%m.%Y"}'

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Formatted at home, ISO or native elsewhere."""
        pattern, zone = self._form(side, place)

        def read(value: Value) -> Value:
            if isinstance(value, str):
                value = _parsed(value, pattern)
            if isinstance(value, datetime):
                return _local(value, zone).date() if value.tzinfo else value.date()
            if isinstance(value, date):
                return value
            raise Unfit(f"expected a date, got {kind_of(value)}")

        def write(value: Value) -> Value:
            if not isinstance(value, date) or isinstance(value, datetime):
                raise Unfit(f"expected a date, got {kind_of(value)}")
            if pattern is None:
                return f"{value.isoformat()}T00:00:00+00:00" if side is Side.FLOWTLY else value
            return _proven(_format(datetime.combine(value, time()), pattern), value, read)

        kinds: Kinds = ("date", "date" if pattern is None and side is Side.EXTERNAL else "text")
        return single(read, write, _sampled(lambda rng: _random_moment(rng).date(), write), kinds)


class Moment(_Timed):
    """Moments in time, compared in UTC to the second, or to what the format carries (minutes, hours).

    Text and native stamps without an offset are taken to be in ``zone``, in Flowtly in UTC.
    """

    word: ClassVar[str] = "datetime"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = 'through: {datetime: "%d.%m.%Y %H:%M", zone: Europe/Warsaw}'

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Formatted at home, ISO in Flowtly, native elsewhere."""
        pattern, zone = self._form(side, place)

        def read(value: Value) -> Value:
            if isinstance(value, str):
                value = _parsed(value, pattern)
            if isinstance(value, datetime):
                return self._kept(_local(value, zone))
            raise Unfit(f"expected a date with time, got {kind_of(value)}")

        def write(value: Value) -> Value:
            if not isinstance(value, datetime):
                raise Unfit(f"expected a date with time, got {kind_of(value)}")
            if pattern is None:
                return _local(value, UTC).strftime(_ISO) if side is Side.FLOWTLY else value
            return _proven(_format(_local(value, zone), pattern), self._kept(_local(value, zone)), read)

        kinds: Kinds = ("datetime", "datetime" if pattern is None and side is Side.EXTERNAL else "text")
        return single(read, write, _sampled(_random_moment, write), kinds)

    def _kept(self, stamp: datetime) -> datetime:
        """To the second, or to the minute or hour where the format has no letter for what is smaller."""
        letters = self.format or "%S"
        local = _local(stamp, _zone(self.zone)).replace(microsecond=0)
        for smaller, carried in (("second", "%S %X %c %s %T"), ("minute", "%M %R"), ("hour", "%H %I %k %l")):
            if any(letter in letters for letter in carried.split()):
                break
            local = local.replace(**{smaller: 0})  # type: ignore[arg-type]  # names of whole parts of a stamp
        return _local(local, UTC)


def _parsed(text: str, pattern: str | None) -> datetime:
    try:
        if pattern is not None:
            return datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - the zone is applied by the caller
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        shape = "in ISO form" if pattern is None else f"in the format {pattern}"
        raise Unfit(f"not a date {shape}") from error


def _local(stamp: datetime, zone: tzinfo) -> datetime:
    """The moment in a zone; a stamp without offset is taken to be in it."""
    try:
        return stamp.replace(tzinfo=zone) if stamp.tzinfo is None else stamp.astimezone(zone)
    except OverflowError as error:
        raise Unfit("a date at the end of time") from error


def _format(stamp: datetime, pattern: str) -> str:
    try:
        return stamp.strftime(pattern)
    except ValueError as error:
        raise Unfit("a year that cannot be written") from error


def _proven(text: str, value: Value, read: Callable[[Value], Value]) -> str:
    """The text, once it reads back as the value. Raises Unfit."""
    if read(text) != value:
        raise Unfit("the format cannot carry this value without loss")
    return text


def _random_moment(rng: Random) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randint(0, 60 * 365 * 86_400))


def _sampled(make: Callable[[Random], Value], write: Callable[[Value], Value]) -> Sample:
    """Raw samples: what would be written for a random value. A repeated hour cannot be written; then null."""

    def sample(rng: Random, _: Lookups) -> tuple[Value, ...]:
        try:
            return (write(make(rng)),)
        except Unfit:
            return (None,)

    return sample
