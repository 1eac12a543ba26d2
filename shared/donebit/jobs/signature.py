"""Reads a step function's signature: which parameters are given by Donebit, and a model of the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_origin

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, create_model
from pydantic.fields import FieldInfo

from donebit.errors import ConfigurationError
from donebit.jobs.item_type import ItemType
from donebit.results import Results

PREFIX = "of_"
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature(NamedTuple):
    """The parameters of a step function.

    Attributes:
        step_name: of its first parameter; empty if it is positional only
        item: the type of its second positional parameter if that is called `item`
        results_name: of the one that takes in results; empty for none
        params: a model of the others, to check and convert values with
    """

    step_name: str
    item: ItemType | None
    results_name: str
    params: type[BaseModel]


def read_signature(name: str, function: Callable[..., object]) -> Signature:
    """Read a step function's signature.

    Raises:
        ConfigurationError: a parameter has a type that JSON cannot be converted to, or no name.
    """
    try:
        return _read_signature(name, function)
    except PydanticUserError as error:
        raise cannot_be_read(name, _first_sentence(error)) from error
    except (NameError, TypeError, ValueError) as error:
        raise cannot_be_read(name, error) from error


def cannot_be_read(name: str, why: object) -> ConfigurationError:
    return ConfigurationError(f"job {name}: its parameters cannot be read from JSON: {why}")


def _read_signature(name: str, function: Callable[..., object]) -> Signature:
    step, *others = _by_place(*inspect.signature(function, eval_str=True).parameters.values())
    _refuse_fields_as_defaults(others)
    takes_results = [one.name for one in others if _is_results(one)]
    if len(takes_results) > 1:
        raise TypeError(f"{' and '.join(takes_results)} both take in results")
    item = others.pop(0) if others and others[0].name == "item" and others[0].kind in POSITIONAL else None
    keywords = [one for one in others if not _is_results(one)]
    # Prefixed, as a parameter may have the name of an attribute that every model has.
    fields: dict[str, Any] = {
        PREFIX + one.name: _field(one)
        for one in keywords
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }
    if unnamed := [one.name for one in others if one.kind is one.POSITIONAL_ONLY]:
        raise TypeError(f"{', '.join(unnamed)} cannot be given by name")
    step_name = "" if step.kind is step.POSITIONAL_ONLY else step.name
    try:
        params = create_model(name, __base__=_base(keywords), **fields)
        made = None if item is None else ItemType.of(name, item.annotation)
    except PydanticUserError:
        _refuse_unreadable(fields if item is None else {PREFIX + item.name: _field(item), **fields})
        raise
    _refuse_defaults_of_fields(keywords, params)
    return Signature(step_name, made, "".join(takes_results), params)


def _by_place(*found: inspect.Parameter) -> Sequence[inspect.Parameter]:
    if not found or found[0].kind not in (*POSITIONAL, inspect.Parameter.VAR_POSITIONAL):
        raise TypeError("the first must take the number of the step, by its place")
    return found


def _field(one: inspect.Parameter) -> tuple[Any, FieldInfo]:
    """A parameter as a model's field: its type and its default."""
    default = Field(... if one.default is one.empty else one.default, alias=one.name)
    return Any if one.annotation is one.empty else one.annotation, default


def _refuse_fields_as_defaults(others: Iterable[inspect.Parameter]) -> None:
    """Refuse `n: int = Field(3, ge=1)`: nothing checks the bound, and the default is the Field itself."""
    for one in others:
        if isinstance(one.default, FieldInfo):
            raise TypeError(
                f"the default of {one.name} is a Field, which has a meaning in an annotation only, as in "
                f"`{one.name}: Annotated[int, Field(ge=1)] = 3`"
            )


def _refuse_unreadable(fields: Mapping[str, Any]) -> None:
    """Refuse the first parameter whose type JSON cannot be converted to, by the parameter's name."""
    for name, field in fields.items():
        try:
            create_model(name, __base__=Strict, **{name: field})
        except PydanticUserError as error:
            raise TypeError(f"{name.removeprefix(PREFIX)}: {_first_sentence(error)}") from error


def _first_sentence(error: PydanticUserError) -> str:
    """What is wrong; what follows is advice for authors of models, and an address."""
    return error.message.partition("\n")[0].partition(". ")[0]


def _refuse_defaults_of_fields(keywords: Iterable[inspect.Parameter], params: type[BaseModel]) -> None:
    """Refuse `n: Annotated[int, Field(default=3)]`: Python calls no function by such a default."""
    for one in keywords:
        field = params.model_fields.get(PREFIX + one.name)
        if one.default is one.empty and field is not None and not field.is_required():
            raise TypeError(
                f"the default of {one.name} is in its annotation, by which Python calls no function: write "
                f"`{one.name}: ... = ...`"
            )


def _is_results(one: inspect.Parameter) -> bool:
    return one.annotation is Results or get_origin(one.annotation) is Results


def _base(keywords: Iterable[inspect.Parameter]) -> type[BaseModel]:
    """The base of a job's model: one that accepts further parameters if the function does."""
    for one in keywords:
        if one.kind is one.VAR_KEYWORD:
            kind: Any = Any if one.annotation is one.empty else one.annotation
            names = {"__pydantic_extra__": dict.__class_getitem__((str, kind))}
            body = {"__annotations__": names, "model_config": ConfigDict(extra="allow", allow_inf_nan=False)}
            return type("Free", (BaseModel,), body)
    return Strict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
