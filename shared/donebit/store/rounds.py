"""Commands whose order matters, in rounds: nodes of a cluster have no order in common.

One server takes the rounds in one round trip, and in their order. On a cluster a round is answered before
the next one is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from donebit.store.packing import Command
from donebit.store.pipelining import answers_to
from donebit.store.server_client import router_of


def answers_by_round(client: Redis, *rounds: Callable[[Pipeline], object]) -> list[list[Any]]:
    """What the commands of each round are answered.

    Args:
        rounds: each adds its commands to a pipeline
    """
    if router_of(client) is not None:
        return [_answers(client, add) for add in rounds]
    with client.pipeline(transaction=False) as pipe:
        ends = [0]
        for add in rounds:
            add(pipe)
            ends.append(len(pipe))
        answers = pipe.execute()
    return [answers[start:stop] for start, stop in pairwise(ends)]


def _answers(client: Redis, add: Callable[[Pipeline], object]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        add(pipe)
        return pipe.execute()


def answers_in_rounds(client: Redis, rounds: Sequence[Sequence[Command]], script: Script) -> list[Any]:
    """What the commands of all rounds are answered, in their order, as `answers_to` does it."""
    if router_of(client) is None:
        return answers_to(client, [command for one in rounds for command in one], script)
    return [answer for one in rounds for answer in answers_to(client, one, script)]
