"""What a step function's signature may not say, since Python would not call it by that."""

from __future__ import annotations

from collections.abc import Callable
from socket import socket
from typing import Annotated, Any

import pytest
from pydantic import Field

from donebit import job
from donebit.errors import ConfigurationError
from donebit.jobs.registry import Job


def param_by_field(step: int, *, n: int = Field(3, ge=1)) -> None: ...


def item_by_field(step: int, item: int = Field(ge=1)) -> None: ...


@pytest.mark.parametrize("function", [param_by_field, item_by_field])
def test_a_field_as_a_default_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"the default of (n|item) is a Field"):
        Job.from_function(job("bounded")(function))


def param_of_no_json(step: int, *, n: int = 3, link: socket) -> None: ...


def item_of_no_json(step: int, item: list[socket], *, n: int = 3) -> None: ...


@pytest.mark.parametrize(("function", "name"), [(param_of_no_json, "link"), (item_of_no_json, "item")])
def test_a_type_that_json_cannot_have_is_refused_by_its_name(function: Callable[..., Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^job linked: .* from JSON: {name}: [^\n]*socket'>$"):
        Job.from_function(job("linked")(function))


def test_a_default_in_an_annotation_alone_is_refused() -> None:
    def bounded(step: int, *, n: Annotated[int, Field(default=3)]) -> None: ...

    with pytest.raises(ConfigurationError, match="the default of n is in its annotation"):
        Job.from_function(job("bounded")(bounded))


def test_a_field_in_an_annotation_bounds_a_parameter() -> None:
    def bounded(step: int, *, n: Annotated[int, Field(ge=1)] = 3) -> None: ...

    assert Job.from_function(job("bounded")(bounded)).convert_params({"n": 1}) == {"n": 1}
