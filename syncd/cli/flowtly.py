"""``flowtly``: single calls of Flowtly's API by hand. Nothing is changed or sent without ``--yes``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from syncd.cli.common import ConfigOption, Exit, JsonOption, err, opened, out, print_json, progress
from syncd.connectors.flowtly.client import FlowtlyClient
from syncd.connectors.flowtly.client_uploads import Uploaded
from syncd.connectors.flowtly.endpoints import endpoints as every_endpoint
from syncd.connectors.flowtly.endpoints_words import Body, Effect, Endpoint
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.connectors.http import JsonTrouble, parse_json
from syncd.errors import ConfigError, GuardRefused, Problem
from syncd.mapping.yaml_source import parse

group = typer.Typer(help="Single calls of Flowtly's API.", no_args_is_help=True)
_METHODS: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(group, name="flowtly")


@group.command("endpoints")
def endpoints(as_json: JsonOption = False) -> int:
    """Every call there is, by method and path or by name.

    Example: syncd flowtly endpoints
    """
    known = every_endpoint(RESOURCES)
    if as_json:
        print_json([_told(one) for one in known])
        return Exit.DONE
    width, named = (max(map(len, texts)) for texts in ([str(one) for one in known], [one.name for one in known]))
    for one in known:  # lines and not a table, which would be cut at the width of a terminal
        used = "by the sync:" if one.synced else "on request:"
        out.print(escape(f"{one!s:{width}}  {one.name:{named}}  {one.effect:6}  {used:12} {one.does}"))
    return Exit.DONE


def _told(one: Endpoint) -> dict[str, Any]:
    return {
        "method": one.method,
        "path": one.path,
        "name": one.name,
        "does": one.does,
        "effect": one.effect.value,
        "takes": [form.value for form in one.takes],
        "gives": one.gives.value,
        "synced": one.synced,
    }


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as the command line says it."""

    endpoint: Endpoint
    values: Sequence[str]
    query: dict[str, list[str]]
    body: Any
    file: Path | None
    output: Path | None
    yes: bool
    again: bool


@group.command("call")
def call(
    what: Annotated[list[str], typer.Argument(help="METHOD PATH, or a NAME and what fills its gaps.", metavar="CALL")],
    query: Annotated[list[str] | None, typer.Option("--query", help="name=value; may be repeated.")] = None,
    body: Annotated[str | None, typer.Option("--body", help="JSON, or @FILE that holds it.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file to upload.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to put a file that comes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Needed for what changes records or sends mail.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Upload a file though Flowtly has it already.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """One call. Prints what Flowtly answers; of a list one page. A file goes to -o, checked and in one step.

    Example: syncd flowtly call GET /transactions/unassigned --query page=2
    Example: syncd flowtly call invoices.preview-send 17
    Example: syncd flowtly call transactions.export-mt940 -o july.sta --query dateFrom=2026-07-01
    """
    data = _body(body)
    with opened(config, level="warning") as app:
        settings = parse(FlowtlySettings, app.settings.flowtly_node)
        with FlowtlyClient.from_settings(settings, app.clock) as client:
            endpoint, values, more = _endpoint(client, what, settings.iri_prefix)
            asked = _Call(endpoint, values, _pairs([*more, *(query or ())]), data, file, output, yes, again)
            _prove(asked)
            if endpoint.effect is Effect.SEND and not as_json:
                err.print(escape(endpoint.warning(values, data)))
            answer = _done(client, asked)
    _print(answer, as_json=as_json)
    return Exit.DONE


def _endpoint(client: FlowtlyClient, what: list[str], prefix: str) -> tuple[Endpoint, Sequence[str], list[str]]:
    """The endpoint, what fills its gaps, and the query that stood behind the path."""
    if what[0].upper() not in _METHODS:
        return client.endpoints.named(what[0]), what[1:], []
    if len(what) != 2:  # noqa: PLR2004 - method and path
        raise _usage("give a method and one path, such as GET /clients/5")
    path, _, query = what[1].partition("?")
    inside = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
    return *client.endpoints.at(what[0], inside), query.split("&") if query else []


def _prove(asked: _Call) -> None:
    """That the options fit the endpoint, and that a change is meant. Raises ConfigError, GuardRefused."""
    endpoint = asked.endpoint
    if (endpoint.effect is Effect.FILE) != (asked.output is not None):
        wanted = "gives a file: say where to put it with -o FILE" if asked.output is None else "gives no file: leave -o"
        raise _usage(f"{endpoint} {wanted}")
    if asked.file is not None and Body.MULTIPART not in endpoint.takes:
        raise _usage(f"{endpoint} takes no file: leave --file")
    if asked.file is None and endpoint.takes == (Body.MULTIPART,):
        raise _usage(f"{endpoint} takes a file: name it with --file")
    if asked.file is not None and asked.query:
        raise _usage("an upload has no query: leave --query")
    if endpoint.asks_first and not asked.yes:
        raise GuardRefused((f"{endpoint.warning(asked.values, asked.body)}. Add --yes to have it done.",))


def _done(client: FlowtlyClient, asked: _Call) -> Any:
    name, values = asked.endpoint.name, asked.values
    if asked.output is not None:
        with _told_bytes(str(asked.output)) as told:
            saved = client.download(name, *values, target=asked.output, query=asked.query, body=asked.body, told=told)
        return {"path": str(saved.path), "bytes": saved.size, "sha256": saved.sha256}
    if asked.file is None:
        return client.call(name, *values, query=asked.query, body=asked.body, yes=asked.yes)
    fields = _texts(asked.body)
    if name != "transaction-attachments.upload":
        return client.upload(name, *values, file=asked.file, fields=fields, yes=asked.yes)
    made = client.upload_attachment(asked.file, fields=fields, again=asked.again, yes=asked.yes)
    return _uploaded(made)


@contextmanager
def _told_bytes(what: str) -> Iterator[Any]:
    with progress() as shown:
        yield lambda done, total: shown(what, done, total)


def _uploaded(made: Uploaded) -> dict[str, Any]:
    if not made.sent:
        err.print("Flowtly has this file already: nothing was sent (--again sends it nevertheless)")
    return {"@id": made.iri, "bytes": made.size, "sha256": made.sha256, "sent": made.sent}


def _print(answer: Any, *, as_json: bool) -> None:
    if as_json or not isinstance(answer, dict) or "sha256" not in answer:
        text = json.dumps(answer, indent=2, ensure_ascii=False, default=_number)
        if as_json or not text.replace("\n", "").isprintable():  # a terminal obeys some characters
            text = json.dumps(answer, indent=2, default=_number)
        out.file.write(text + "\n")
        return
    for name, value in answer.items():
        out.print(f"{name:<7} {escape(str(value))}")


def _number(value: Any) -> Any:
    """A Decimal as the JSON number it came as; as text where a JSON number would change it."""
    if isinstance(value, Decimal) and Decimal(repr(float(value))) == value:
        return float(value)
    return str(value)


def _pairs(given: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise _usage(f"--query {text!r} is not name=value")
        found.setdefault(name, []).append(value)
    return found


def _body(text: str | None) -> Any:
    """JSON data of a text, or of the file it names after @. Raises ConfigError, OSError."""
    if text is None:
        return None
    try:
        return parse_json(Path(text[1:]).read_bytes() if text.startswith("@") else text.encode())
    except JsonTrouble as error:
        raise _usage(f"--body is not JSON: {error}") from None


def _texts(body: Any) -> dict[str, str]:
    """The text fields of a form."""
    if body is None:
        return {}
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise _usage("with --file the --body is an object of texts: the other fields of the form")
    return body


def _usage(text: str) -> ConfigError:
    return ConfigError([Problem("command line", 0, 0, text)])
