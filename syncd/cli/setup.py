"""``init``, ``check`` and ``schema``: from nothing to a configuration that is known to work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from syncd.cli.common import ConfigOption, Exit, config_path, err, opened, out, print_json
from syncd.cli.examples import example_files
from syncd.cli.probe import show_drift
from syncd.core.model import Side
from syncd.daemon.drift import look
from syncd.engine.allocating.compiling import Allocation, doubts
from syncd.engine.allocating.fitting import misfits, plan_misfits
from syncd.engine.preflight import law_problems, preflight
from syncd.engine.provision import provision
from syncd.engine.run import load_lookups
from syncd.engine.watch import watch_obstacles
from syncd.errors import ConfigError, Problem, SyncdError
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.watched import Watch
from syncd.settings import allocation_schema, mapping_schema, settings_schema
from syncd.wiring import App


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(init)
    app.command()(check)
    app.command()(schema)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put syncd.yaml and mappings/.")] = Path(),
    system: Annotated[str, typer.Option(help="What to start from: sql, tryton, budgets or everything.")] = "sql",
) -> int:
    """Write a commented configuration to start from. Existing files are left alone.

    Example: syncd init /etc/syncd --system sql
    """
    for relative, text in example_files(system).items():
        path = folder / relative
        if path.exists():
            err.print(f"left alone  {path} (it exists)")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        out.print(f"written     {path}")
    out.print(f"Edit it, set the variables it names, then: syncd check -c {folder / 'syncd.yaml'}")
    return Exit.DONE


def check(config: ConfigOption = None) -> int:
    """Check everything that can be checked without changing anything: files, lenses, connections, fields, rights.

    Example: syncd check -c syncd.yaml
    """
    with opened(config, level="warning") as app:
        out.print(f"ok     {escape(str(config_path(config)))}: {len(app.mappings)} mappings")
        reachable = {system: _connects(app, system) for system in (str(Side.FLOWTLY), *app.settings.systems)}
        problems = [problem for mapping in app.mappings.values() for problem in _problems(app, mapping, reachable)]
        problems += [problem for one in _allocations(app) for problem in _misfits(app, one, reachable)]
        problems += [problem for watch in app.watches.values() for problem in _watch_problems(app, watch, reachable)]
        for problem in problems:
            err.print(f"[red]error[/red]  {escape(str(problem))}")
        app.store.ping()
        out.print("ok     the mapping store answers")
        steady = not reachable[Side.FLOWTLY] or _steady(app)
    good = not problems and steady and all(reachable.values())
    out.print("all good" if good else "not ready")
    return Exit.DONE if good else Exit.ERROR


def _steady(app: App) -> bool:
    """Whether Flowtly has all that the mappings use; what changed there is shown."""
    try:
        seen = look(app)
    except ConfigError:
        raise
    except SyncdError as error:
        err.print(f"[red]error[/red]  measuring flowtly: {type(error).__name__}: {escape(str(error))}")
        return False
    show_drift(seen)
    return not seen.stops


def _connects(app: App, system: str) -> bool:
    try:
        line = app.connector(system).check()
    except ConfigError:
        raise
    except SyncdError as error:
        err.print(f"[red]error[/red]  {escape(system)}: {type(error).__name__}: {escape(str(error))}")
        return False
    out.print(f"ok     {escape(system)}: {escape(line)}")
    return True


def _problems(app: App, mapping: CompiledMapping, reachable: dict[str, bool]) -> list[Problem]:
    if not reachable[Side.FLOWTLY] or not reachable[app.system_of(mapping)]:
        return list(law_problems(mapping, {})) if not mapping.lookups else []
    peers = app.peers(mapping)
    try:
        target = provision(mapping, peers, write=False)
        for statement in target.statements:
            out.print(f"note   {escape(mapping.name)} will run: {escape(statement)}")
        if target.problems:
            return list(target.problems)
        problems = preflight(mapping, peers)
        return [*problems, *law_problems(mapping, load_lookups(mapping, peers[Side.FLOWTLY]))]
    except SyncdError as error:
        return [mapping.problem("mapping", f"{type(error).__name__}: {error}")]


def _allocations(app: App) -> list[Allocation]:
    """Every allocation, each with a line about its rules: that they can be read is known by now."""
    for one in app.allocations.values():
        default = "unassigned" if one.rules.default is None else one.rules.default.budget
        told = f"rules: {len(one.rules.rules)}, match: {one.rules.mode}, tables: {len(one.rules.tables)}"
        out.print(f"ok     {escape(f'allocation {one.name}: {told}, default: {default}')}")
        for doubt in doubts(one):
            out.print(f"note   {escape(str(doubt))}")
    return list(app.allocations.values())


def _misfits(app: App, allocation: Allocation, reachable: dict[str, bool]) -> list[Problem]:
    mapping = app.mappings[allocation.of]
    system = app.system_of(mapping)
    planned = system if allocation.plan is None else allocation.plan.system or system
    if not (reachable[system] and reachable[planned]):
        return []
    try:
        found = misfits(allocation, mapping, app.connector(system))
        return [*found, *plan_misfits(allocation, app.connector(planned))]
    except SyncdError as error:
        return [allocation.node.problem(f"allocation {allocation.name}: {type(error).__name__}: {error}")]


def _watch_problems(app: App, watch: Watch, reachable: dict[str, bool]) -> list[Problem]:
    if not reachable[watch.spec.system]:
        return []
    try:
        return list(watch_obstacles(watch, app.connector(watch.spec.system)))
    except SyncdError as error:
        return [watch.node.problem(f"watch {watch.spec.name}: {type(error).__name__}: {error}")]


def schema(
    what: Annotated[str, typer.Argument(help="settings, mapping or allocation.")] = "mapping",
) -> int:
    """JSON Schema of the YAML, for editors that check and complete.

    Example: syncd schema mapping > syncd-mapping.schema.json
    """
    known = {"settings": settings_schema, "mapping": mapping_schema, "allocation": allocation_schema}
    if what not in known:
        raise ConfigError([Problem("command line", 0, 0, f"there is a schema of {', of '.join(known)}, not {what!r}")])
    print_json(known[what]())
    return Exit.DONE
