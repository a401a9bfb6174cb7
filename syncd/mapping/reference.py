"""The mapping reference, made from the models: ``python -m syncd.mapping.reference > docs/mapping-reference.md``.

Nothing is said here that the models do not say; the page cannot go stale without a test noticing.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from syncd.mapping.allocation_rules import ConditionSpec, PieceSpec, RuleSpec, SplitSpec, TargetSpec, WindowSpec
from syncd.mapping.allocations import (
    AllocationSpec,
    BaseAmountSpec,
    CommitmentFields,
    CommitmentsSpec,
    CurrencySpec,
    FindSpec,
    LinesSpec,
    LinkConflicts,
    LinkDeletes,
    LinksSpec,
    PlanSpec,
    PostingsSpec,
)
from syncd.mapping.checks import CheckSpec
from syncd.mapping.events import CrossesSpec, EventSpec, WhenSpec
from syncd.mapping.evidence import EvidenceSpec
from syncd.mapping.lenses.base import LensSpec
from syncd.mapping.lenses.registry import LENSES
from syncd.mapping.scalars import Shown, format_duration
from syncd.mapping.spec import (
    ConflictsSpec,
    ConstantSpec,
    CreatesSpec,
    DeleteRule,
    DeletesSpec,
    ExternalSpec,
    FieldSpec,
    FlowtlySpec,
    MappingLimits,
    MappingSpec,
    ScheduleSpec,
    SideField,
)

_BLOCKS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("A mapping file", MappingSpec),
    ("external", ExternalSpec),
    ("flowtly", FlowtlySpec),
    ("A field", FieldSpec),
    ("A field's external or flowtly as a block", SideField),
    ("constant", ConstantSpec),
    ("check", CheckSpec),
    ("evidence", EvidenceSpec),
    ("creates", CreatesSpec),
    ("conflicts", ConflictsSpec),
    ("deletes", DeletesSpec),
    ("A rule of deletes", DeleteRule),
    ("schedule", ScheduleSpec),
    ("limits", MappingLimits),
    ("events", EventSpec),
    ("when", WhenSpec),
    ("crosses", CrossesSpec),
)
ALLOCATION_BLOCKS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("postings", PostingsSpec),
    ("postings.currency", CurrencySpec),
    ("postings.base", BaseAmountSpec),
    ("postings.lines", LinesSpec),
    ("links", LinksSpec),
    ("links.target and links.employee", FindSpec),
    ("commitments", CommitmentsSpec),
    ("commitments.fields", CommitmentFields),
    ("plan", PlanSpec),
    ("A rule", RuleSpec),
    ("A condition of when", ConditionSpec),
    ("valid", WindowSpec),
    ("split", SplitSpec),
    ("A piece of a split", PieceSpec),
    ("A target", TargetSpec),
    ("conflicts of an allocation", LinkConflicts),
    ("deletes of an allocation", LinkDeletes),
)
_HEAD = """# Mapping reference

Every key of a mapping file, every lens, and every key of an allocation file. This page is made from the models that
validate them (`python -m syncd.mapping.reference`); `syncd schema` prints the same as JSON Schema for editors. For a
first mapping step by step see [mapping-guide.md](mapping-guide.md).

Files are YAML 1.2: `NO` and `0123` stay text; only `true`, `false`, plain numbers and `null` do not. `${VAR}` and
`${file:/run/secrets/x}` are filled in; `$${` is a literal `${`. Unknown keys are errors. A duration is a number with a
unit: `500ms`, `60s`, `5m`, `6h`, `1d`.
"""
_LENSES_HEAD = """## Lenses

`through` takes one lens or a list. A lens is a word (`trim`), a word with its main parameter (`{case: upper}`), the
same with further parameters beside it (`{lookup: countries, by: code}`), or a word with a block
(`{date: {format: "%d.%m.%Y"}}`). The list is a pipe from the external side to Flowtly: reading external runs it from
the left, reading Flowtly from the right, writing the other way round. Both sides are compared in what comes out. A lens
that makes another kind of value on both sides (`date`, `datetime`, `decimal`, `minor_units`, `integer`, `boolean`)
stands in the middle: lenses before it act on the external side only, lenses after it on Flowtly only.
"""
_ALLOCATION_HEAD = """## An allocation file

Files that `allocations:` of `syncd.yaml` names: which posting of the ERP lands on which budget of Flowtly. The guide is
[budgets.md](budgets.md); `syncd schema allocation` prints the same as JSON Schema. `schedule` and `limits` are as in a
mapping.
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD, *_blocks(), _LENSES_HEAD, *_lenses(), _ALLOCATION_HEAD, *_allocation()]
    return "\n".join(parts).rstrip() + "\n"


def _allocation() -> Iterator[str]:
    yield f"{_table(AllocationSpec)}\n"
    for title, model in ALLOCATION_BLOCKS:
        shown = title if " " in title else f"`{title}`"
        yield f"### {shown}\n\n{_said(model)}\n\n{_table(model)}\n"


def _blocks() -> Iterator[str]:
    for title, model in _BLOCKS:
        shown = title if title.startswith("A ") else f"`{title}`"
        yield f"## {shown}\n\n{_said(model)}\n\n{_table(model)}\n"


def _lenses() -> Iterator[str]:
    for word, lens in LENSES.items():
        yield f"### `{word}`\n\n{_said(lens)}\n\n```yaml\n{lens.example}\n```\n"
        if lens.model_fields:
            yield f"{_table(lens)}\n"


def _said(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").replace("``", "`")


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, info in model.model_fields.items():
        key = info.alias or name
        if issubclass(model, LensSpec) and name == model.main:
            key = f"{key}` or after `{model.word}:"
        cells = (f"`{key}`", _kind(info), _default(info), (info.description or "").replace("|", "\\|"))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return ""
    value = info.default
    if value is PydanticUndefined:
        return "**required**"
    if value is None or value == () or isinstance(value, BaseModel) or value == "":
        return ""
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if str(value).strip() else f'`"{value}"`'


def _kind(info: FieldInfo) -> str:
    shown = next((item.words for item in info.metadata if isinstance(item, Shown)), None)
    return (shown or " or ".join(dict.fromkeys(_words(info.annotation)))).replace("|", "\\|")


_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true/false",
    int: "whole number",
    float: "number",
    timedelta: "duration",
}


def _words(annotation: Any) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        shown = [item.words for item in arguments[1:] if isinstance(item, Shown)]
        yield from shown or _words(arguments[0])
    elif origin in (Union, types.UnionType):
        for member in arguments:
            if member is not type(None):
                yield from _words(member)
    elif origin is Literal:
        yield ", ".join(f"`{word}`" for word in arguments)
    elif origin is dict:
        yield "block"
    elif origin is tuple:
        yield "list"
    elif isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield ", ".join(f"`{word}`" for word in annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "block"
    else:
        yield _WORDS.get(annotation, "text")


if __name__ == "__main__":
    sys.stdout.write(render())
