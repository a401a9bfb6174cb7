"""Bodies of actions: forms into fields and files, and single values out of JSON with the API's own complaints.

A body comes from outside: nothing in it is taken for a path, and no size is believed. Must never store anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from syncd.sandbox.declare import Field as Declared
from syncd.sandbox.declare import Id, Resource
from syncd.sandbox.errors import ApiError, Invalid, Violation
from syncd.sandbox.phpjson import type_name
from syncd.sandbox.state import State

BLANK: Final = ("This value should not be blank.", "c1051bb4-d103-4f74-8988-acbcafc7fdc3")
_MANY_FIELDS: Final = 100
_NAME_LENGTH: Final = 200
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{1,9})?")
_UNFIT: Final = re.compile(r'[<>:"|?*]')


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form. ``name`` is a plain name without any path; ``media_type`` is what the sender says."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body; of a repeated name the last one counts."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


def read_form(content_type: str, body: bytes) -> Form:
    """Read a multipart body. Raises ApiError 400 for one that is not whole or not UTF-8."""
    form = Form()
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    ended: list[bool] = []
    try:
        parser = FormParser(
            "multipart/form-data",
            lambda each: _keep_field(form, each),
            lambda each: _keep_file(form, each),
            lambda: ended.append(True),
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": float("inf")},
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise ApiError(400, "Malformed multipart body.") from error
    if not ended:
        raise ApiError(400, "Malformed multipart body.")
    return form


def _keep_field(form: Form, each: Field) -> None:
    form.fields[_text(each.field_name)] = _text(each.value)
    _bounded(form)


def _keep_file(form: Form, each: File) -> None:
    each.file_object.seek(0)
    name = safe_name(_text(each.file_name))
    media_type = (each.content_type or "").partition(";")[0].strip().lower() or "application/octet-stream"
    form.files[_text(each.field_name)] = Upload(name, media_type, each.file_object.read())
    _bounded(form)


def _bounded(form: Form) -> None:
    if len(form.fields) + len(form.files) > _MANY_FIELDS:
        raise ApiError(400, f"A form may have {_MANY_FIELDS} parts.")


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def safe_name(name: str) -> str:
    """A file name that is one path segment on any system: no directory, no control character, no leading dot."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(each for each in unicodedata.normalize("NFC", last) if unicodedata.category(each)[0] != "C")
    return _UNFIT.sub("_", shown).strip(". ")[-_NAME_LENGTH:] or "file"


def document(data: Any, resource: Resource) -> Any:
    """The data of a JSON body, an object or a list. Raises ApiError 400 for anything else, as a create does."""
    if isinstance(data, str):
        raise ApiError(400, f'Invalid IRI "{data}".')
    if not isinstance(data, list | dict):
        raise ApiError(400, f'Expected IRI or document for resource "{resource.name}", "{type_name(data)}" given.')
    return data


def blank(name: str) -> Invalid:
    """422: this value must be there."""
    return Invalid([Violation(name, *BLANK)])


def violated(name: str, message: str) -> Invalid:
    """422 for a constraint of the sandbox's own; Symfony has no id for it."""
    return Invalid([Violation(name, message, "")])


def typed(resource: Resource, fields: Mapping[str, str]) -> dict[str, Any]:
    """The texts of a form or a CSV as the types of the fields they are for; an empty text is no value."""
    known = {name: value for name, value in fields.items() if name in resource.writable and value != ""}
    return {name: _value(resource.writable[name], value) for name, value in known.items()}


def _value(field: Declared, value: str) -> Any:
    if field.type not in ("number", "integer"):
        return value
    if not _NUMBER.fullmatch(value):
        raise violated(field.name, "This value should be a number.")
    return int(value) if value.lstrip("-").isdigit() else float(value)


def record(state: State, resource: Resource, value: Any, origin: str) -> Id:
    """The id of the record an IRI names. Raises ApiError 400 with the words of a relation (recorded: case 202)."""
    if not isinstance(value, str):
        raise ApiError(400, f'Expected IRI or document for resource "{resource.name}", "{type_name(value)}" given.')
    found = state.find(value.removeprefix(origin))
    if found is None:
        raise ApiError(400, f'Invalid IRI "{value}".')
    if state.get(found[0].name, found[1]) is None:
        raise ApiError(400, f'Item not found for "{value}".')
    if found[0] is not resource:
        raise ApiError(400, f'Invalid IRI "{value}".')
    return found[1]


def records(state: State, resource: Resource, data: Mapping[str, Any], name: str, origin: str) -> list[Id] | None:
    """The ids a list of IRIs names, each once; None when the list is not there. Raises ApiError 400."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, list | dict):
        raise wrong_type(name, "array", value)
    entries = value if isinstance(value, list) else value.values()
    return list(dict.fromkeys(record(state, resource, each, origin) for each in entries))


def text(data: Mapping[str, Any], name: str) -> str | None:
    """A text, None when it is not there. Raises ApiError 400."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(name, "string", value)
    return value


def texts(data: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of texts, None when it is not there. Raises ApiError 400."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise wrong_type(name, "string[]", value)
    return value


def wrong_type(name: str, wanted: str, value: Any) -> ApiError:
    """400 before any validation."""
    return ApiError(400, f'The type of the "{name}" attribute must be "{wanted}", "{type_name(value)}" given.')
