"""What a client refuses before it sends anything, and how it writes what it sends."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from donebit import ApiError, Donebit, InvalidInput, ServiceUnreachable
from donebit.demo.ports import free_server_port
from donebit.result_slices import slices_of
from donebit.service_answers import content_of
from donebit.step_numbers import ranges_of
from donebit.transport import LONGEST_PAUSE_SECONDS, pauses
from tests.client.conftest import MakeClient


def test_adjacent_steps_become_one_range() -> None:
    assert ranges_of([7, 3, 1, 2, 2]) == [(1, 4), (7, 8)]


@pytest.mark.parametrize(
    ("steps", "ranges"),
    [
        (range(10**9), [(0, 10**9)]),
        (range(5, 5), []),
        (range(0, 6, 2), [(0, 1), (2, 3), (4, 5)]),
        (range(3, 0, -1), [(1, 4)]),
        (np.array([4, 3], np.uint32), [(3, 5)]),
    ],
)
def test_steps_may_be_any_iterable_of_integers(steps: Iterable[int], ranges: list[tuple[int, int]]) -> None:
    assert ranges_of(steps) == ranges


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.start(-1), "count is -1; it must be an integer from 0"),
        (lambda client: client.start(1.5), "count is 1.5; it must be an integer from 0"),
        (lambda client: client.start(1, task_id="a/b"), "task_id is 'a/b'; it must be 1 to 100 of "),
        (
            lambda client: client.start(1, job="demo", params={"of": {"at": object()}}),
            "params.of.at cannot be written as JSON: Object of type object is not JSON serializable",
        ),
        (lambda client: client.start(1, stall_after=timedelta(1)), "stall_after cannot be written as JSON: "),
        (lambda client: client.start(1, job="demo", params={(1,): 2}), "params cannot be written as JSON: "),
        (lambda client: client.start(1, params="abc"), "params is 'abc'; it must be a mapping of names to "),
        (lambda client: client.map("demo", [1], params=[]), "params is []; it must be a mapping of names "),
        (lambda client: client.rerun("some", [("a", 1)]), "params is [('a', 1)]; it must be a mapping of "),
        (lambda client: client.rerun("some", 0), "params is 0; it must be a mapping of names to values"),
        (lambda client: client.schedule("some", "@daily", params=3), "params is 3; it must be a mapping of "),
        (lambda client: client.schedule("some", "@daily", count=True), "count is True; it must be an "),
        (lambda client: client.report("some", [3, -2]), "step is -2; it must be an integer from 0"),
        (lambda client: client.report("some", range(-1, 2)), "step is -1; it must be an integer from 0"),
        (lambda client: client.report("some", ["3"]), "step is '3'; it must be an integer from 0"),
        (lambda client: client.report("some", [True]), "step is True; it must be an integer from 0"),
        (lambda client: client.report("some", 3), "steps is 3; it must be integers"),
        (lambda client: client.report("some", {3: "a"}), "steps is {3: 'a'}; it must be integers, in a"),
        (lambda client: client.report("some", b"\x03"), "steps is b'\\x03'; it must be integers, in a"),
        (lambda client: client.retry("some", "3"), "steps is '3'; it must be integers, in a list"),
        (lambda client: client.report("some", results=[1, 0]), "results is [1, 0]; it must be a mapping of "),
        (lambda client: client.report("some", results=0), "results is 0; it must be a mapping of each step "),
        (lambda client: client.report("", [3]), "task_id is ''; it must be 1 to 100 of "),
        (lambda client: client.fail("some", -1, "disk full"), "step is -1; it must be an integer from 0"),
        (lambda client: client.get("../done"), "task_id is '../done'; it must be 1 to 100 of "),
        (lambda client: client.get(None), "task_id is None; it must be a text of 1 to 100 of "),
        (lambda client: client.get_schedule(7), "name is 7; it must be a text of 1 to 100 of "),
        (lambda client: client.map("demo", "a.txt"), "items is 'a.txt'; it must be items, in a list or"),
        (lambda client: client.map("demo", None), "items is None; it must be items, in a list or"),
        (lambda client: client.map("demo", {"a": 1}), "items is {'a': 1}; it must be items, in a list or"),
        (lambda client: client.map("demo", bytearray(b"a")), "items is bytearray(b'a'); it must be items"),
        (lambda client: client.map(len, [1]), "job is <built-in function len>; it must be the job's name"),
        (lambda client: client.start(1, job=len), "job is <built-in function len>; it must be the job's n"),
        (lambda client: client.schedule("some", "@daily", count=1, job=7), "job is 7; it must be the job's"),
        (lambda client: client.expect("some", "@daily", job=7), "job is 7; it must be the job's name, as i"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_sent(
    make_client: MakeClient, call: Callable[[Donebit], object], message: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(InvalidInput) as caught:
        call(make_client(nowhere, nowhere, timeout_seconds=0))

    assert message in caught.value.detail


@pytest.mark.parametrize("given", ["3", None, True, float("nan"), Decimal("sNaN"), timedelta(seconds=3)])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(make_client: MakeClient, given: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(InvalidInput, match=r"^timeout_seconds is .*; it must be a number of seconds$"):
        make_client(nowhere, nowhere, timeout_seconds=given)
    with pytest.raises(InvalidInput, match=r"^timeout_seconds is .*; it must be a number of seconds$"):
        make_client(nowhere, nowhere).wait("any", given)


@pytest.mark.parametrize("given", [0, Decimal(0), np.float32(0), np.int64(0)])
def test_a_timeout_may_be_a_number_of_any_kind(make_client: MakeClient, given: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(ServiceUnreachable):
        make_client(nowhere, nowhere, timeout_seconds=given).wait("any", given)


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8098",
        "http://",
        "http://[",
        "http://127.0.0.1:99999",
        " http://127.0.0.1:1",
        "http://127.0.0.1:1\n",
        "http://127.0.0.1:1/?of=a",
        "http://127.0.0.1:1/#a",
        "http://a b",
        8098,
        b"http://127.0.0.1:1",
    ],
)
def test_an_address_that_is_no_url_is_refused(make_client: MakeClient, address: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^TRIGGER_URL is .*; it must be a URL such as http://"):
        make_client(address)


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "80 ", "\u0663"])
def test_a_port_of_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TRIGGER_PORT", port)

    with pytest.raises(InvalidInput, match=rf"^TRIGGER_PORT is {re.escape(repr(port))}; .* from 1 to 65535$"):
        Donebit()


@pytest.mark.parametrize("user", ["ada", "ada:secret", ":secret"])
def test_an_address_with_a_user_is_refused_and_not_shown(make_client: MakeClient, user: str) -> None:
    with pytest.raises(InvalidInput, match=r"^DONE_URL has a user in it; it must have none") as caught:
        make_client(None, f"http://{user}@127.0.0.1:1")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["a\nb", " a", "\u20ac"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(
    make_client: MakeClient, token: str
) -> None:
    with pytest.raises(InvalidInput, match=r"^token (is|has) [a-zA-Z0-9 ,;`.-]*$"):
        make_client(token=token)


@pytest.mark.parametrize("token", [b"secret", 12])
def test_a_token_that_is_no_text_is_refused(make_client: MakeClient, token: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^token is of type (bytes|int); it must be a text$"):
        make_client(token=token)


@pytest.mark.parametrize("found", [{-1: 1}, {True: 1}, {0: {1}}, {0: float("nan")}])
def test_a_result_that_cannot_be_sent_is_not_sent(make_client: MakeClient, found: dict[int, object]) -> None:
    with pytest.raises(InvalidInput):
        make_client("http://127.0.0.1:1", "http://127.0.0.1:1").report("any", results=found)


def test_large_results_are_sent_in_several_requests() -> None:
    found = dict.fromkeys(range(5), "x" * 400000)

    assert [[one["step"] for one in part] for part in slices_of(found)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"add": 1, "count": 2},
        {"add": 1, "items": ["a"]},
        {"count": 2, "items": ["a"]},
        {"add": 1, "count": 2, "items": ["a"]},
        {"add": -1},
        {"add": True},
        {"items": "ab"},
        {"items": [{1}]},
    ],
)
def test_an_extension_that_makes_no_sense_is_not_sent(make_client: MakeClient, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        make_client("http://127.0.0.1:1", "http://127.0.0.1:1").extend("any", **asked)


def test_pauses_between_tries_grow_up_to_a_bound() -> None:
    first = list(islice(pauses(), 20))

    assert all(pause > 1.5 * before for before, pause in pairwise(first[:6]))
    assert max(first) <= LONGEST_PAUSE_SECONDS
    assert 0 < first[0] <= 0.1


def test_an_api_error_shows_its_status_and_survives_pickling() -> None:
    error = ApiError(404, "no task some is known")

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself

    assert (str(again), repr(again)) == (
        "404: no task some is known",
        "ApiError(404, 'no task some is known')",
    )
    assert (again.status, again.detail) == (404, "no task some is known")


OF_DONE_APP = "the answer of done_app (DONE_URL sets its address)"


@pytest.mark.parametrize(
    ("status", "data", "location", "detail"),
    [
        (308, b"", "https://example.org/tasks", f"{OF_DONE_APP} is a redirect to https://example.org/tasks"),
        (200, b"null", None, f"{OF_DONE_APP} is not a JSON object: null"),
        (404, b'"gone"', None, f'{OF_DONE_APP} is not a JSON object: "gone"'),
        (403, b'{"message": "Forbidden"}', None, '{"message": "Forbidden"}'),
        (422, b'{"detail": "no such step"}', None, "no such step"),
        (200, b"[" * 100_000, None, f"{OF_DONE_APP} is not JSON: [["),
    ],
)
def test_an_answer_that_is_not_of_the_service_says_what_came(
    status: int, data: bytes, location: str | None, detail: str
) -> None:
    with pytest.raises(ApiError) as caught:
        content_of("done_app", status, data, location)

    assert caught.value.status == status
    assert caught.value.detail.startswith(detail)
