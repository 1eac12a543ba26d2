"""A job's parameters as fields of a form, from the JSON schema of its signature."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from donebit.errors import InvalidInput
from donebit.jobs.registry import Job
from donebit.json_reading import read_json

PREFIX = "param."  # of the names in the form, so that no parameter hides a field of the form's own
REST = "params"  # further parameters, as a JSON object
LONGEST_QUOTE = 100
UNSHOWABLE = re.compile(r"[\0\r\ud800-\udfff]")  # what a browser does not send back as it is
INPUTS = {"date": "date", "uri": "url", "email": "email"}  # formats that browsers have a field for
INTEGER = re.compile(r"-?[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter."""

    name: str
    kind: str  # integer, number, boolean, text, choice or json
    required: bool
    value: str = ""  # as the form shows it first
    input_type: str = "text"
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None
    choices: tuple[str, ...] = ()  # each as JSON
    hint: str = ""

    @property
    def field(self) -> str:
        return PREFIX + self.name

    def typed(self, text: str) -> Any:
        """Convert the text of the field to a value of its kind.

        Raises:
            InvalidInput: the text is not of this kind.
        """
        match self.kind:
            case "text":
                return text.replace("\r\n", "\n")  # as a browser without script sends lines
            case "integer" if INTEGER.fullmatch(text.strip()):
                return int(text)
            case "number":
                return self._json(text, int, float)
            case "json":
                return self._json(text, object)
            case "boolean" | "choice" if text in self.choices:
                return read_json(text)
        raise self._refusal(text)

    def _json(self, text: str, *kinds: type) -> Any:
        try:
            value = read_json(text)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error.detail}", field=self.name) from None
        except ValueError:
            raise self._refusal(text) from None
        if not isinstance(value, kinds) or (self.kind == "number" and isinstance(value, bool)):
            raise self._refusal(text)
        return value

    def _refusal(self, text: str) -> InvalidInput:
        must = {
            "integer": "be an integer",
            "number": "be a number",
            "json": "be JSON",
        }.get(self.kind, f"be one of {', '.join(self.choices)}")
        return InvalidInput(f"{self.name} is {text[:LONGEST_QUOTE]!r}; it must {must}", field=self.name)


@dataclass(frozen=True, slots=True)
class JobForm:
    """A job, and a field for each of its parameters."""

    job: str
    fields: tuple[Field, ...]
    takes_more: bool


def form_of(job: Job) -> JobForm:
    """Make the fields of a job; only one for a JSON object where its schema cannot be written."""
    try:
        schema = job.params.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return JobForm(job.name, (), takes_more=True)
    required = set(schema.get("required", ()))
    fields = tuple(
        field_of(name, part, schema.get("$defs", {}), required=name in required)
        for name, part in schema.get("properties", {}).items()
    )
    return JobForm(job.name, fields, takes_more=schema.get("additionalProperties", True) is not False)


def field_of(name: str, part: Mapping[str, Any], known: Mapping[str, Any], *, required: bool) -> Field:
    """Make the field for one property of a JSON schema.

    Args:
        name: of the parameter
        part: the property's schema
        known: the definitions that it may refer to
        required: whether the parameter has no default
    """
    kind_of = resolved(part, known)
    default = part.get("default")
    kind, choices = kind_and_choices(kind_of, default)
    shown = "" if default is None else default if kind == "text" else json.dumps(default)
    return Field(
        name,
        kind,
        required,
        str(shown),
        INPUTS.get(kind_of.get("format", ""), "text"),
        bound(kind_of, "minimum", "exclusiveMinimum", 1),
        bound(kind_of, "maximum", "exclusiveMaximum", -1),
        kind_of.get("maxLength"),
        choices,
        str(part.get("description") or ("as JSON" if kind == "json" else "")),
    )


def resolved(part: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a property's reference and leave null out, for which an empty field stands."""
    others = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    if len(others) == 1:
        return resolved(others[0], known)
    if "$ref" in part:
        found: Mapping[str, Any] = known.get(part["$ref"].rpartition("/")[2], {})
        return found
    return part


def kind_and_choices(part: Mapping[str, Any], default: object) -> tuple[str, tuple[str, ...]]:
    if "enum" in part or "const" in part:
        values = part.get("enum", [part.get("const")])
        return "choice", tuple(json.dumps(value) for value in values)
    match part.get("type"):
        case "boolean":
            return "boolean", ("true", "false")
        case "integer" | "number" as kind:
            return kind, ()
        case "string" if not UNSHOWABLE.search(str(default)):
            return "text", ()
    return "json", ()


def types_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """Name the type of each parameter of a job, by its JSON schema: `integer or null`, `one of "a", "b"`."""
    known = schema.get("$defs", {})
    return {name: type_of(part, known) for name, part in schema.get("properties", {}).items()}


def type_of(part: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return type_of(known.get(part["$ref"].rpartition("/")[2], {}), known)
    if "anyOf" in part:
        return " or ".join(type_of(one, known) for one in part["anyOf"])
    kind, choices = kind_and_choices(part, None)
    return f"one of {', '.join(choices)}" if kind == "choice" else str(part.get("type", "any"))


def bound(part: Mapping[str, Any], closed: str, opened: str, inward: int) -> float | None:
    """Return the bound that a browser checks; an exclusive one only for integers, moved by one."""
    if closed in part:
        found: float = part[closed]
        return found
    return part[opened] + inward if opened in part and part.get("type") == "integer" else None


def json_object(text: str) -> dict[str, Any]:
    """Convert the text of one field for all parameters; none where it is empty.

    Raises:
        InvalidInput: it is no JSON object.
    """
    params = Field(REST, "json", required=False).typed(text) if text.strip() else {}
    if not isinstance(params, dict):
        raise InvalidInput(f"params is {text[:LONGEST_QUOTE]!r}; it must be a JSON object", field=REST)
    return params


def typed(form: JobForm, sent: Mapping[str, str]) -> dict[str, Any]:
    """Convert the fields of a form to parameters; empty fields are left out, except a required text.

    Raises:
        InvalidInput: a text is not of its parameter's type, or a parameter is given twice.
    """
    params = json_object(sent.get(REST, "")) if form.takes_more else {}
    for field in form.fields:
        text = sent.get(field.field)
        if text is None or (text == "" and not (field.required and field.kind == "text")):
            continue
        if field.name in params:
            raise InvalidInput(
                f"{field.name} is given twice: in its field and in the further parameters", field=REST
            )
        params[field.name] = field.typed(text)
    return params
