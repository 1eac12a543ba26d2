"""The fields that a job's signature makes, and what a text in them means."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from html import unescape
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from donebit import job
from donebit.errors import InvalidInput
from donebit.jobs.registry import Job
from donebit.store import Store
from tests.web.services import Services
from trigger_app.pages.job_forms import Field as FormField
from trigger_app.pages.job_forms import JobForm, form_of, typed


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Frame(BaseModel):
    width: int


@job("everything")
def everything(
    step: int,
    *,
    folder: str,
    many: Annotated[int, Field(ge=1, lt=10)],
    share: float = 0.5,
    keep: bool = True,
    way: Literal["up", "down"] = "up",
    size: Size = Size.SMALL,
    owner: UUID | None = None,
    on: date | None = None,
    frame: Frame | None = None,
    names: list[str] | None = None,
) -> None:
    """One parameter of each type."""


@job("free")
def free(step: int, **more: int) -> None:
    """Whatever is given."""


@job("mixed")
def mixed(step: int, *, folder: str, **more: int) -> None:
    """One parameter, and whatever else is given."""


@job("bounded")
def bounded(
    step: int,
    *,
    share: Annotated[float, Field(ge=0.1234567, le=12345.678)] = 1.0,
    wide: Annotated[float, Field(ge=-100000.5, le=100000.5)] = 1.0,
    many: Annotated[int, Field(ge=1, le=2**60 + 1)] = 1,
) -> None:
    """Bounds of many digits."""


@job("prompted")
def prompted(step: int, *, prompt: str = "\nDo this:\n- now", end: str = "\r\n") -> None:
    """Defaults that a field of one line cannot hold."""


FORM = form_of(Job.from_function(everything))
FIELDS = {field.name: field for field in FORM.fields}
SENT = {"param.folder": "/x", "param.many": "3"}


def test_each_parameter_has_a_field_of_its_type() -> None:
    kinds = {name: field.kind for name, field in FIELDS.items()}

    assert kinds == {
        "folder": "text",
        "many": "integer",
        "share": "number",
        "keep": "boolean",
        "way": "choice",
        "size": "choice",
        "owner": "text",
        "on": "text",
        "frame": "json",
        "names": "json",
    }
    assert [field.name for field in FORM.fields if field.required] == ["folder", "many"]


def test_a_field_shows_the_default_and_holds_to_the_bounds() -> None:
    assert (FIELDS["many"].minimum, FIELDS["many"].maximum) == (1, 9)
    assert (FIELDS["share"].value, FIELDS["keep"].value, FIELDS["way"].value) == ("0.5", "true", '"up"')
    assert FIELDS["way"].choices == ('"up"', '"down"')
    assert FIELDS["size"].choices == ('"small"', '"large"')
    assert FIELDS["on"].input_type == "date"
    assert FIELDS["owner"].value == ""


def test_the_page_of_a_job_names_the_type_of_each_parameter(real_store: Store) -> None:
    services = Services(real_store, jobs=(__name__,))

    page = services.trigger.get("/jobs/everything", headers={"Accept": "text/html"}).text

    shown = dict(re.findall(r"<code>(\w+)</code></th><td>(.*?)</td>", page))
    assert {name: unescape(kind) for name, kind in shown.items()} == {
        "folder": "string",
        "many": "integer",
        "share": "number",
        "keep": "boolean",
        "way": 'one of "up", "down"',
        "size": 'one of "small", "large"',
        "owner": "string or null",
        "on": "string or null",
        "frame": "object or null",
        "names": "array or null",
    }


def test_texts_become_what_the_job_takes() -> None:
    owner = "12345678-1234-5678-1234-567812345678"
    sent = {
        **SENT,
        "param.share": "0.25",
        "param.keep": "false",
        "param.way": '"down"',
        "param.size": '"large"',
        "param.owner": owner,
        "param.on": "2026-11-21",
        "param.frame": '{"width": 3}',
        "param.names": '["a", "b"]',
    }

    params = typed(FORM, sent)

    given = Job.from_function(everything).convert_params(params)
    assert given == {
        "folder": "/x",
        "many": 3,
        "share": 0.25,
        "keep": False,
        "way": "down",
        "size": Size.LARGE,
        "owner": UUID(owner),
        "on": date(2026, 11, 21),
        "frame": Frame(width=3),
        "names": ["a", "b"],
    }


def test_a_bound_is_shown_with_all_of_its_digits(real_store: Store) -> None:
    services = Services(real_store, jobs=(__name__,))

    page = services.trigger.get("/?job=bounded", headers={"Accept": "text/html"}).text

    assert 'min="0.1234567" max="12345.678"' in page
    assert 'min="-100000.5" max="100000.5"' in page
    assert 'min="1" max="1152921504606846977"' in page


def test_a_default_of_several_lines_keeps_them(real_store: Store) -> None:
    services = Services(real_store, jobs=(__name__,))

    page = services.trigger.get("/?job=prompted", headers={"Accept": "text/html"}).text

    assert '<textarea name="param.prompt" rows="2"  >\n\nDo this:\n- now</textarea>' in page
    assert """spellcheck="false" >&#34;\\r\\n&#34;</textarea>""" in page


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_lines_are_the_same_with_a_script_and_without(line_break: str) -> None:
    form = form_of(Job.from_function(prompted))
    sent = {field.field: field.value.replace("\n", line_break) for field in form.fields}

    assert typed(form, sent) == {"prompt": "\nDo this:\n- now", "end": "\r\n"}


def test_an_empty_field_is_left_out_but_for_a_text_that_must_be_there() -> None:
    sent = {**dict.fromkeys((field.field for field in FORM.fields), ""), "param.many": "3"}

    assert typed(FORM, sent) == {"folder": "", "many": 3}


@pytest.mark.parametrize(
    ("name", "text", "must"),
    [
        ("many", "1.5", "be an integer"),
        ("many", "٣", "be an integer"),
        ("share", "half", "be a number"),
        ("share", "true", "be a number"),
        ("keep", "yes", "be one of true, false"),
        ("way", '"left"', 'be one of "up", "down"'),
        ("names", "[a", "be JSON"),
        ("names", "[" * 100_000, "be JSON"),
    ],
)
def test_a_text_of_another_type_is_named(name: str, text: str, must: str) -> None:
    with pytest.raises(InvalidInput, match="it must") as refused:
        typed(FORM, {**SENT, f"param.{name}": text})

    assert refused.value.detail == f"{name} is {text[:100]!r}; it must {must}"


def test_a_name_that_is_twice_in_an_object_is_refused() -> None:
    with pytest.raises(InvalidInput, match="width is given twice in one object") as refused:
        typed(FORM, {**SENT, "param.frame": '{"width": 1, "width": 2}'})
    with pytest.raises(InvalidInput, match="a is given twice in one object") as refused_rest:
        typed(form_of(Job.from_function(free)), {"params": '{"a": 1, "a": 2}'})

    assert (refused.value.field, refused_rest.value.field) == ("frame", "params")


def test_a_parameter_in_its_field_and_among_the_others_is_refused() -> None:
    form = form_of(Job.from_function(mixed))
    sent = {"param.folder": "/x", "params": '{"folder": "/y"}'}

    with pytest.raises(
        InvalidInput, match="folder is given twice: in its field and in the further parameters"
    ):
        typed(form, sent)
    assert typed(form, {**sent, "params": '{"a": 1}'}) == {"folder": "/x", "a": 1}


def test_a_job_that_takes_whatever_is_given_has_a_field_for_it() -> None:
    form = form_of(Job.from_function(free))

    assert form == JobForm("free", (), takes_more=True)
    assert typed(form, {"params": '{"a": 1}'}) == {"a": 1}
    assert typed(form, {"params": " "}) == {}
    with pytest.raises(InvalidInput, match="it must be a JSON object"):
        typed(form, {"params": "[1]"})


def test_a_job_whose_schema_cannot_be_written_has_one_field_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(BaseModel, arbitrary_types_allowed=True):
        of: memoryview

    odd: Any = Job.from_function(free)
    monkeypatch.setattr(type(odd), "params", Odd, raising=True)

    assert form_of(odd).takes_more


def test_the_names_of_fields_hide_none_of_the_form_itself() -> None:
    assert FormField("count", "integer", required=True).field == "param.count"
