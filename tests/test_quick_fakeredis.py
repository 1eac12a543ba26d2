"""What the tests have fakeredis do sooner is answered as a real server does."""

from __future__ import annotations

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError

VALUES = st.lists(st.binary(max_size=9), min_size=1, max_size=4)  # of an empty one there is no key


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.sampled_from(["AND", "OR", "XOR"]), st.integers(0, 1), st.integers(-9, 80))
def test_bitmaps_are_combined_and_read_as_a_real_server_does(
    lasting_fake: tuple[Redis, object],
    lasting_store: tuple[Redis, object],
    values: list[bytes],
    operation: str,
    bit: int,
    start: int,
) -> None:
    answers = []
    for client, _ in (lasting_fake, lasting_store):
        client.flushall()
        client.mset({"another": 1} | {f"k{n}": value for n, value in enumerate(values) if value})
        length = client.bitop(operation, "made", *(f"k{number}" for number in range(len(values))))
        found = [client.bitpos("made", bit, start // 8), client.bitpos("made", bit, start, -1, mode="BIT")]
        counted = client.bitcount("made", start, -1, mode="BIT")
        answers.append((length, client.get("made"), found, counted))
        client.flushall()

    assert answers[0] == answers[1]


@pytest.mark.parametrize("rest", ["", "; return redis.call('PING')"])
def test_a_script_that_makes_a_global_variable_is_refused(rest: str) -> None:
    with FakeRedis(version=(7, 0)) as client:
        client.eval("local mine = 1; return mine", 0)

        with pytest.raises(ResponseError, match="global variable"):
            client.eval(f"mine = 1{rest}", 0)
