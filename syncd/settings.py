"""``syncd.yaml``: everything an administrator sets, with every problem of every file reported at once.

Knows no connector and no store: a system's own settings stay nodes until their connector parses them. Never prints a
secret; a literal one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from syncd.counterparties.tins import CHECKED
from syncd.engine.allocating.compiling import allocation_of
from syncd.mapping.allocation_checks import Around as AllocationsAround
from syncd.mapping.allocation_checks import allocation_problems, parse_allocation
from syncd.mapping.allocation_mappings import expanded
from syncd.mapping.allocations import AllocationSpec, allocation_schema
from syncd.mapping.directories import FLOWTLY, DirectorySpec, directory_problems
from syncd.mapping.events import event_problems
from syncd.mapping.neighbours import names_clash, system_problems
from syncd.mapping.nodes import Node
from syncd.mapping.problems import ConfigError, Problem, did_you_mean
from syncd.mapping.registers import RegisterSettings
from syncd.mapping.scalars import Duration, SecretUrl, Whole
from syncd.mapping.sources import listed_nodes
from syncd.mapping.spec import MappingSpec, Strict, mapping_schema
from syncd.mapping.watch_checks import telling_problems
from syncd.mapping.watches import EventSettings, HookSpec, Name
from syncd.mapping.yaml_source import load_file, parse

__all__ = ["Settings", "allocation_schema", "load", "mapping_schema", "settings_schema"]

Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[Whole, Field(ge=0)]
Several = Annotated[Whole, Field(ge=1)]
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


class StoreSettings(Strict):
    """Where links, intents and history are kept."""

    url: SecretUrl | None = Field(
        default=None, description="postgresql://...; without it SYNCD_DATABASE_URL, else an embedded one under var."
    )
    var: Path = Field(
        default=Path("var"), description="Folder of the embedded PostgreSQL; relative to this file's folder."
    )


class LimitSettings(Strict):
    """Limits on everything a run does. What is beyond them is refused, never trimmed."""

    max_creates: Count = Field(default=500, description="Records that one run may create on one side.")
    max_changes: Count = Field(default=2000, description="Records that one run may change on one side.")
    max_share: Share = Field(default=0.5, description="Share of the linked records that one run may change on a side.")
    max_removals: Count = Field(
        default=10, description="Losses that may be followed on one side within a day without a person."
    )
    max_removal_share: Share = Field(default=0.05, description="The same as a share of the linked records.")
    shrink: Share = Field(default=0.3, description="A full walk that shrank by more than this share proves nothing.")
    listing_grace: Duration = Field(
        default=timedelta(seconds=30), description="How long a new record may be missing from its peer's lists."
    )
    lease: Duration = Field(
        default=timedelta(seconds=60), ge=_SECOND, description="How long a daemon that fell silent keeps its mapping."
    )
    run_time: Duration = Field(default=timedelta(hours=2), ge=_SECOND, description="Longest run.")
    failures_in_a_row: Several = Field(default=10, description="Failed writes after which a side is left alone.")
    batch: Several = Field(default=500, description="Records per round trip to the store.")
    write_threads: Annotated[Whole, Field(ge=1, le=64)] = Field(default=2, description="Writes in flight per run.")
    flaps: Several = Field(default=6, description="Changes of hands after which a field is left to a person.")
    flap_window: Duration = Field(default=timedelta(hours=1), ge=_SECOND, description="Within which they are counted.")
    fence_records: Annotated[Whole, Field(ge=3)] = Field(
        default=5, description="Records that must look restored or swapped at once before a mapping is fenced."
    )
    fence_share: Share = Field(default=0.2, description="Share of the links that may vanish or become others at once.")


class LogSettings(Strict):
    """What the daemon says."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: readable on a terminal, JSON elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severe level.")
    mask: tuple[str, ...] = Field(default=(), description="Canonical fields whose values never appear in logs.")


class DaemonSettings(Strict):
    """The daemon's own door: health and metrics."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 in a container.")
    port: Annotated[Whole, Field(ge=0, le=65535)] = Field(default=8080, description="Port; 0 chooses a free one.")
    shutdown: Duration = Field(
        default=timedelta(seconds=10), description="How long the write in hand may take after a stop signal."
    )


class DriftSettings(Strict):
    """How often Flowtly is measured for changes of its fields, verbs and rights."""

    every: Duration = Field(default=timedelta(days=1), ge=_SECOND, description="How often the tenant is looked at.")
    again: Duration = Field(
        default=timedelta(minutes=15), ge=_SECOND, description="How often while a mapping is stopped or a look failed."
    )


class HistorySettings(Strict):
    """How long history is kept. What something still stands on is kept longer: see docs/history.md."""

    ledger: Duration = Field(
        default=timedelta(days=400), ge=_DAY, description="The ledger, by whole months: who had which value, and why."
    )
    runs: Duration = Field(default=timedelta(days=90), ge=_DAY, description="Runs and their counts.")
    certificates: Duration = Field(default=timedelta(days=90), ge=_DAY, description="What full readings proved.")
    operations: Duration = Field(default=timedelta(days=90), ge=_DAY, description="Writes that are over.")
    conflicts: Duration = Field(
        default=timedelta(days=730), ge=_DAY, description="Questions that are over, and answers about unlinked records."
    )
    every: Duration = Field(default=_DAY, ge=_SECOND, description="How often the daemon removes what is older.")


class SystemEntry(Strict, extra="allow"):
    """An ERP or CRM: which connector, and that connector's own settings beside it."""

    connector: str = Field(min_length=1, description="Name of the connector: sql, tryton, or an installed one.")


class SettingsFile(Strict):
    """``syncd.yaml``."""

    flowtly: dict[str, Any] = Field(description="How to reach Flowtly; the keys are those of its connector.")
    systems: dict[str, SystemEntry] = Field(min_length=1, description="The ERPs and CRMs by a name of your choice.")
    mappings: tuple[str | dict[str, Any], ...] = Field(
        min_length=1, description="Mapping files as patterns relative to this file (mappings/*.yaml), or mappings."
    )
    allocations: tuple[str | dict[str, Any], ...] = Field(
        default=(), description="Allocation files as patterns relative to this file, or allocations: costs to budgets."
    )
    store: StoreSettings = Field(default=StoreSettings(), description="Where links and history are kept.")
    limits: LimitSettings = Field(default=LimitSettings(), description="Limits on everything a run does.")
    log: LogSettings = Field(default=LogSettings(), description="What the daemon says.")
    daemon: DaemonSettings = Field(default=DaemonSettings(), description="Health and metrics.")
    drift: DriftSettings = Field(default=DriftSettings(), description="How often Flowtly is measured for changes.")
    history: HistorySettings = Field(default=HistorySettings(), description="How long history is kept.")
    events: EventSettings = Field(default=EventSettings(), description="Changes as events: watches and their targets.")
    hooks: dict[Name, HookSpec] = Field(default_factory=dict, description="Who may wake a mapping over HTTP.")
    dedupe: dict[Name, DirectorySpec] = Field(
        default_factory=dict, description="Parties that are searched for duplicates, by a name of your choice."
    )
    registers: RegisterSettings = Field(
        default=RegisterSettings(), description="Public registers that are asked about tax numbers; none by default."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """A loaded configuration. ``systems``: name to (connector name, the node of its own settings).

    ``mappings`` has those that are made from ``allocations`` too.
    """

    file: Path
    flowtly_node: Node
    systems: Mapping[str, tuple[str, Node]]
    mappings: tuple[tuple[MappingSpec, Node], ...]
    allocations: tuple[tuple[AllocationSpec, Node], ...]
    store: StoreSettings
    limits: LimitSettings
    log: LogSettings
    daemon: DaemonSettings
    drift: DriftSettings
    history: HistorySettings
    events: EventSettings
    hooks: Mapping[str, HookSpec]
    dedupe: Mapping[str, DirectorySpec]
    registers: RegisterSettings
    node: Node = field(repr=False)


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """Load ``syncd.yaml`` and the mapping files it names. Raises ConfigError with every problem of all files."""
    node = load_file(path, env)
    problems: list[Problem] = []
    mappings = tuple(_mappings(path, node, env, problems))
    all_mappings_known = not problems
    allocations = tuple(_allocations(path, node, env, problems))
    try:
        parsed = parse(SettingsFile, node)
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from error
    systems = {
        name: (entry.connector, node.at("systems", name).without("connector")) for name, entry in parsed.systems.items()
    }
    if all_mappings_known:  # of one that cannot be read nobody can say what is wrong beside it
        around = AllocationsAround({spec.mapping: spec for spec, _ in mappings}, systems, parsed.events.targets)
        mappings = (*mappings, *_made(allocations, around, problems))
    problems.extend(names_clash(mappings))
    problems.extend(system_problems(node, mappings, systems))
    names = [spec.mapping for spec, _ in mappings]
    problems.extend(telling_problems(parsed.events, parsed.hooks, node, {*systems, FLOWTLY}, names))
    problems.extend(directory_problems(parsed.dedupe, node, {*systems, FLOWTLY}, CHECKED))
    for spec, source in mappings:
        told = event_problems(spec.events, source.at("events"), spec.fields, parsed.events.targets, memory=False)
        problems.extend(told)
    if not problems:  # a mapping that cannot be read has fields nobody knows
        problems.extend(_unknown_masks(node, parsed, mappings))
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    store = parsed.store.model_copy(update={"var": path.parent / parsed.store.var})
    return Settings(
        path,
        node.at("flowtly"),
        systems,
        mappings,
        allocations,
        store,
        parsed.limits,
        parsed.log,
        parsed.daemon,
        parsed.drift,
        parsed.history,
        parsed.events,
        parsed.hooks,
        parsed.dedupe,
        parsed.registers,
        node,
    )


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of ``syncd.yaml``, for editors. Mappings written inline follow ``mapping_schema``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SettingsFile.model_json_schema()}


def _mappings(
    path: Path, node: Node, env: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[MappingSpec, Node]]:
    """Every mapping that can be read; what cannot is added to ``problems``."""
    for source in listed_nodes(path, node.get("mappings"), "mapping", env, problems):
        try:
            yield parse(MappingSpec, source), source
        except ConfigError as error:
            problems.extend(error.problems)


def _allocations(
    path: Path, node: Node, env: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[AllocationSpec, Node]]:
    """Every allocation that is sound in itself; what is not is added to ``problems``."""
    for source in listed_nodes(path, node.get("allocations"), "allocation", env, problems):
        try:
            yield parse_allocation(source), source
        except ConfigError as error:
            problems.extend(error.problems)


def _made(
    allocations: tuple[tuple[AllocationSpec, Node], ...], around: AllocationsAround, problems: list[Problem]
) -> Iterator[tuple[MappingSpec, Node]]:
    """The mappings that allocations stand for, of those that fit the rest of the configuration."""
    for spec, node in allocations:
        found = list(allocation_problems(spec, node, around))
        problems.extend(found)
        if found:
            continue
        external = around.mappings[spec.postings.of].external
        try:
            allocation_of(spec, node, external)
            yield from expanded(spec, node, external)
        except ConfigError as error:
            problems.extend(error.problems)


def _unknown_masks(
    node: Node, parsed: SettingsFile, mappings: tuple[tuple[MappingSpec, Node], ...]
) -> Iterator[Problem]:
    """A mistyped mask would let personal data into the logs without a word."""
    known = {name for spec, _ in mappings for name in spec.fields}
    for number, name in enumerate(parsed.log.mask):
        if name not in known:
            yield node.at("log", "mask", number).problem(
                f"log.mask: no mapping has a field {name!r}", did_you_mean(name, known)
            )
