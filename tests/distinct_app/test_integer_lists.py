"""A long list of integers is read as JSON says, or left to the usual way."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distinct_app import integer_lists
from distinct_app.integer_lists import split
from donebit.activity.users.ids import LARGEST_ID
from donebit.json_reading import read_json
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

LONG = [7] * 10_000  # so many that the list is worth it
IDS = st.lists(st.integers(0, LARGEST_ID), min_size=1, max_size=20)
SPACES = st.sampled_from(["", " ", "\n", " \t\r\n"])
STRANGE = [
    "",
    "-1",
    "7.0",
    "1e3",
    "07",
    "00",
    "true",
    "null",
    '"7"',
    "[]",
    "{}",
    "1 2",
    "+1",
    "4294967296",
    "9" * 30,
]


def text_of(users: str, others: str = ', "at": "2026-11-20"') -> bytes:
    return f'{{"users": [{users}]{others}}}'.encode()


@given(IDS, SPACES, SPACES)
def test_integers_are_those_that_json_has(ids: list[int], before: str, after: str) -> None:
    listed = f"{before},{after}".join(map(str, [*ids, *LONG]))

    found = split(text_of(before + listed + after), "users", 1_000_000)

    assert found is not None
    assert found.integers.dtype == np.uint32
    assert read_json(text_of(listed)) == {**read_json(found.rest), "users": found.integers.tolist()}


@pytest.mark.parametrize("one", STRANGE)
@pytest.mark.parametrize("place", [0, 5_000, 10_000])
def test_a_list_with_anything_else_is_left_to_the_usual_way(one: str, place: int) -> None:
    listed = [*map(str, LONG)]
    listed.insert(place, one)

    assert split(text_of(",".join(listed)), "users", 1_000_000) is None


@pytest.mark.parametrize("size", range(30, 62))
def test_a_list_may_be_cut_into_slices_anywhere(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integer_lists, "SLICE", size)
    ids = [LARGEST_ID, 0, 9, 10, 99, 100, 12_345] * 800

    for text in (json.dumps({"users": ids}).encode(), json.dumps({"users": ids}, indent=2).encode()):
        found = split(text, "users", len(ids))
        assert found is not None
        assert found.integers.tolist() == ids
        assert split(text.replace(b"12345", b"012345", 1), "users", len(ids)) is None
        assert split(text[: text.rindex(b"]")] + b",]}", "users", len(ids) + 1) is None


@pytest.mark.parametrize(
    "text",
    [
        text_of(",".join(map(str, LONG)), ', "users": [1]'),
        text_of(",".join(map(str, LONG)), ', "at": "users"'),
        text_of(",".join(map(str, LONG)))[:-30],
        text_of(",".join(map(str, LONG[:9]))),
        b'{"user": 1}' + b" " * 20_000,
    ],
)
def test_what_is_not_one_long_list_is_left_to_the_usual_way(text: bytes) -> None:
    assert split(text, "users", 1_000_000) is None


def test_more_than_may_be_are_left_to_the_usual_way() -> None:
    assert split(text_of(",".join(map(str, LONG))), "users", len(LONG) - 1) is None
    assert split(text_of(",".join(map(str, LONG))), "users", len(LONG)) is not None


def test_a_long_list_is_recorded_as_a_short_one_is(store: Store) -> None:
    distinct = Services(store).distinct
    users = [*range(0, 40_000, 2), LARGEST_ID, 2]

    long = body_of(distinct.post("/events/long", json={"users": users}))
    mapped = body_of(distinct.post("/events/mapped?ids=mapped", json={"users": users}))

    assert (long["received"], long["fresh"]) == (20_002, 20_001)
    assert (mapped["received"], mapped["fresh"]) == (20_002, 20_001)
    assert body_of(distinct.get("/events/long/users/39998"))["present"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (text_of(",".join(map(str, LONG)), ', "day": 1'), "day"),
        (text_of(",".join(map(str, LONG)), ', "at": "soon"'), "soon"),
        (text_of(",".join(map(str, LONG)), ', "at": 1, "at": 2'), "at is given twice"),
        (text_of(",".join(map(str, [*LONG, LARGEST_ID + 1]))), str(LARGEST_ID)),
        (text_of(",".join(map(str, [*LONG, "true"]))), "users"),
    ],
)
def test_a_long_body_is_refused_as_a_short_one_is(store: Store, body: bytes, said: str) -> None:
    distinct = Services(store).distinct

    long = problem_of(distinct.post("/events/e", data=body, content_type="application/json"))

    assert said in long["detail"]
    assert len(body) > integer_lists.LEAST_BYTES
    assert json.dumps(long)
