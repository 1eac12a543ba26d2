"""Commands that are sent ahead of their answers: none of these is another question's."""

from __future__ import annotations

import pytest
from redis import Redis, ResponseError

from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import union
from donebit.store import Store, keys
from donebit.store.bitmaps import Bitmap
from donebit.store.pipelining import AHEAD, answers_in_turn
from tests.activity.arranged import record

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
