"""Commands that are sent ahead of their answers: none of these is another question's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import ConnectionError as ConnectionLost
from redis import Redis, ResponseError

from donebit import deadline
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import union
from donebit.errors import TookTooLong
from donebit.store import Store, keys
from donebit.store.bitmaps import Bitmap
from donebit.store.client import connect, scripts_of
from donebit.store.packing import Command
from donebit.store.pipelining import (
    AHEAD,
    BITMAPS_AHEAD,
    OF_A_GET,
    Bundle,
    answers_in_turn,
    bundles,
    each_answer_to,
    must_wait,
)
from tests.activity.arranged import record
from tests.servers import RunningServer

MANY = 3 * AHEAD + 1


def arrange(store: Store) -> list[Bitmap]:
    for number in range(MANY):
        record(store, range(number + 1), f"e{number}")
    return [Bitmap(f"e{number}", "all") for number in range(MANY)]


def test_each_answer_is_that_of_its_command(store: Store) -> None:
    assert algebra.counts(store, arrange(store)) == list(range(1, MANY + 1))


@pytest.mark.own_keys("donebit:seen:{0}:e*:all")
@pytest.mark.parametrize("place", [0, AHEAD - 1, AHEAD, 2 * AHEAD, MANY - 1])
def test_a_command_that_fails_leaves_no_answer_for_whoever_asks_next(
    real_store: Store, real_client: Redis, place: int
) -> None:
    bitmaps = arrange(real_store)
    real_client.delete(bitmaps[place].segment(keys, 0))
    real_client.lpush(bitmaps[place].segment(keys, 0), "no bitmap")

    for _ in range(3):
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            algebra.counts(real_store, bitmaps)

    others = [bitmap for bitmap in bitmaps if bitmap != bitmaps[place]]
    assert algebra.counts(real_store, others) == [n + 1 for n in range(MANY) if n != place]


def test_a_server_that_has_forgotten_the_script_is_told_it_again(store: Store, client: Redis) -> None:
    bitmaps = arrange(store)
    assert algebra.count(store, union(bitmaps)) == MANY

    client.script_flush()

    assert algebra.counts(store, [union(bitmaps), union(bitmaps[:2])]) == [MANY, 2]


def test_whoever_breaks_off_leaves_no_answer_for_whoever_asks_next(real_client: Redis) -> None:
    answers = answers_in_turn(real_client, [("ECHO", "this"), ("BLPOP", "nothing", "0.2"), ("ECHO", "that")])
    assert next(answers) == b"this"

    del answers

    assert real_client.echo("next") == b"next"


def test_of_heavy_scripts_few_are_under_way_at_once(client: Redis) -> None:
    combine, mark = (scripts_of(client)[name].sha for name in ("combine", "mark_steps"))
    light: Command = ("EVALSHA", combine, 1, "key")
    heavy: Command = ("EVALSHA", combine, 64, *["key"] * 64)
    many_marks: Command = ("EVALSHA", mark, 64, *["key"] * 64)
    read: Command = ("GET", "key")

    sizes = [most_under_way(one) for one in (light, heavy, many_marks, read)]

    assert sizes == [AHEAD, 1, 2 * AHEAD, min(AHEAD, BITMAPS_AHEAD // OF_A_GET)]
    assert len(next(bundles([heavy] * MANY, 2 * AHEAD, 2 * 64)).commands) == 2


def most_under_way(command: Command) -> int:
    """How many of the same commands are sent before an answer is awaited."""
    under_way = list[Bundle]()
    for bundle in bundles([command] * MANY):
        if must_wait(bundle, under_way):
            break
        under_way.append(bundle)
    return sum(len(one.commands) for one in under_way)


def test_commands_together_read_no_more_than_a_mark_may_wait_for(client: Redis) -> None:
    scripts = scripts_of(client)
    union, merged = calls(scripts["combine"].sha, 31, 33), calls(scripts["combine"].sha, 17, 19)
    windows, rows = calls(scripts["rolling_counts"].sha, 38, 2), calls(scripts["cohort_rows"].sha, 15, 42)
    light: Command = ("BITCOUNT", "key")

    def together(*commands: Command) -> list[int]:
        return [len(bundle.commands) for bundle in bundles(commands)]

    assert together(union, union, union) == [2, 1]
    assert together(merged, windows, windows, light, merged, merged) == [1, 1, 2, 2]
    assert together(rows, rows, light, light) == [1, 3]
    assert together(*[light] * (AHEAD + 1), windows) == [AHEAD, 2]
    assert together() == []


def test_when_the_time_of_a_question_is_over_nothing_more_is_sent() -> None:
    sent = bundles([("PING",)] * MANY)
    assert len(next(sent).commands) == AHEAD

    with deadline.within(timedelta(seconds=-1)), pytest.raises(TookTooLong):
        next(sent)


def calls(digest: str, keys: int, arguments: int) -> Command:
    """A call of a script with so many keys and arguments."""
    return ("EVALSHA", digest, keys, *["key"] * keys, *["1"] * arguments)


def test_a_refused_command_is_answered_by_itself(real_client: Redis) -> None:
    script = real_client.register_script("return ARGV[1]")
    commands = [("EVALSHA", script.sha, 0, number) for number in range(MANY)]
    commands[AHEAD] = ("NO_SUCH_COMMAND", "", 0, 0)
    real_client.script_flush()  # so that each of the others is refused too, at first

    answers = each_answer_to(real_client, commands, script)

    assert isinstance(answers.pop(AHEAD), ResponseError)
    assert answers == [b"%d" % number for number in range(MANY) if number != AHEAD]
    assert real_client.echo("next") == b"next"


def test_commands_that_ran_are_not_sent_again_with_those_that_did_not(real_client: Redis) -> None:
    script = real_client.register_script("return redis.call('INCR', KEYS[1])")
    known = real_client.script_load(script.script)
    calls = [("EVALSHA", known, 1, f"donebit:limits:{place}") for place in range(3)]
    commands = [calls[0], ("SCRIPT", "FLUSH"), calls[1], calls[2], calls[0]]

    try:
        assert each_answer_to(real_client, commands, script) == [1, b"OK", 1, 1, 2]
    finally:
        real_client.flushall()


def test_those_answered_before_the_connection_is_lost_keep_their_answers(valkey: RunningServer) -> None:
    with connect(valkey.url, connections=2, timeout=timedelta(seconds=5)) as client:
        commands = [("ECHO", "first"), ("QUIT",), ("ECHO", "never"), ("ECHO", "never")]
        first, second, *lost = each_answer_to(client, commands, client.register_script("return 1"))

    assert (first, second) == (b"first", b"OK")
    assert [type(answer) for answer in lost] == [ConnectionLost, ConnectionLost]
