"""What every request model shares: strict shapes, and integers that are integers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.names import NAME_PATTERN


def _no_bool(value: object) -> object:
    # In Python false is 0: without this `"users": [false]` would be a visit of user 0.
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not true or false")
    return value


Integer = Annotated[int, BeforeValidator(_no_bool)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class Request(BaseModel):
    """A part of a request: what is not documented is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
