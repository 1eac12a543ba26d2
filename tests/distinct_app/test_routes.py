"""distinct_app answers as its surface says."""

from __future__ import annotations

import struct

import pytest

from donebit.store import Store
from tests.web.services import Services, body_of


@pytest.mark.parametrize("reset", [("DELETE", "/distinct"), ("GET", "/distinct/reset/")])
def test_the_examples_routes_count_and_forget(store: Store, reset: tuple[str, str]) -> None:
    distinct = Services(store).distinct

    assert body_of(distinct.post("/distinct?userId=7")) == {"distinct": 1, "fresh": True}
    assert body_of(distinct.get("/distinct/?userId=7")) == {"distinct": 1, "fresh": False}
    assert body_of(distinct.get("/distinct")) == {"distinct": 1}
    assert body_of(distinct.open(reset[1], method=reset[0])) == {"distinct": 0}


@pytest.mark.parametrize("period", ["hour", "day", "week", "month", "all"])
def test_json_and_packed_visits_are_counted_in_every_period(store: Store, period: str) -> None:
    distinct = Services(store).distinct
    packed = struct.pack("<3I", 8, 9, 2**20)

    made = body_of(distinct.post("/events/e", json={"users": [7, 8, 8]}))
    more = body_of(distinct.post("/events/e", data=packed, content_type="application/octet-stream"))
    count = body_of(distinct.get(f"/events/e/count?period={period}"))
    present = body_of(distinct.get(f"/events/e/users/7?period={period}"))

    assert (made["received"], made["fresh"]) == (3, 2)
    assert (more["received"], more["fresh"]) == (3, 2)
    assert (count["count"], count["period"]) == (4, period)
    assert present["present"] is True
