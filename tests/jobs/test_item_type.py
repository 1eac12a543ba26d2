"""Items that do not fit are refused by their place, whatever is wrong within them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from donebit.errors import InvalidInput
from donebit.jobs.item_type import ItemType


class Picture(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str
    width: int


GOOD = {"path": "a", "width": 1}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"path": "a"}, "items[8].width is missing"),
        (GOOD | {"height": 2}, "unknown field: items[8].height"),
        (GOOD | {"width": "x"}, "items[8].width is 'x'; it must be an integer"),
        (7, "items[8] is 7; it must be an object"),
    ],
)
def test_what_is_wrong_within_an_item_is_named(bad: Any, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ItemType.of("resize", Picture).convert(json.dumps([GOOD, bad]), first=7)

    assert refused.value.detail == f"job resize does not take items[8]: {why}"
    assert refused.value.field == "items.8"
