"""Items that do not fit are refused by their place, whatever is wrong within them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from donebit import job
from donebit.errors import InvalidInput
from donebit.jobs.item_type import ItemType
from donebit.jobs.registry import Job


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


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 400])
def test_a_number_that_no_float_can_be_is_refused(number: str) -> None:
    def grow(step: int, item: float, *, factor: float = 1.0) -> None: ...

    with pytest.raises(InvalidInput, match=r"items\[1\] is (inf|10+\.\.\.0+); it must be a finite number"):
        ItemType.of("grow", float).convert(f"[1.5, {number}]")
    with pytest.raises(InvalidInput, match=r"factor is .*; it must be a finite number"):
        Job.from_function(job("grow")(grow)).convert_params({"factor": 10**400})
