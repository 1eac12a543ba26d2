"""Reads sorted sets as if they were one, which is in as many keys as there are shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from math import isqrt
from typing import Any, TypeVar, cast

from redis import Redis

One = TypeVar("One")
Scored = tuple[bytes, float]  # a member and its score


def lowest(client: Redis, names: Sequence[str], most: int, limit: int) -> list[Scored]:
    """The first members with a score of 0 to `most`, from the lowest score up."""

    def of_each(count: int) -> list[list[Scored]]:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrangebyscore(name, 0, most, start=0, num=count, withscores=True)
            return cast(list[list[Scored]], pipe.execute())

    return first_of_all(of_each, len(names), limit, _place)


def highest(client: Redis, names: Sequence[str], most: int | None, least: int, limit: int) -> list[Scored]:
    """The first members with a score of `most`, None for any, to `least`, from the highest score down."""
    top = "+inf" if most is None else most

    def of_each(count: int) -> list[list[Scored]]:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrevrangebyscore(name, top, least, start=0, num=count, withscores=True)
            return cast(list[list[Scored]], pipe.execute())

    return first_of_all(of_each, len(names), limit, _place, descending=True)


def first_of_all(
    of_each: Callable[[int], list[list[One]]],
    shards: int,
    limit: int,
    place: Callable[[One], Any],
    *,
    descending: bool = False,
) -> list[One]:
    """The first of all, each shard asked for somewhat more than its share; once more where that is not all.

    Args:
        of_each: reads the first so many of each shard
        place: by which they stand in order
    """
    if limit == 0:
        return []
    if shards == 1:
        (page,) = of_each(limit)
        return page

    def first_of(pages: Iterable[list[One]]) -> list[One]:
        return sorted(chain.from_iterable(pages), key=place, reverse=descending)[:limit]

    share = min(limit, likely_share(limit, shards))
    pages = of_each(share)
    found = first_of(pages)
    if share < limit and any(len(page) == share and page[-1] in found for page in pages):
        return first_of(of_each(limit))
    return found


def likely_share(limit: int, shards: int) -> int:
    """How many of the first members one shard has at most, but in one read of some hundreds."""
    mean = limit // shards
    return mean + 4 * isqrt(mean) + 4


def _place(one: Scored) -> tuple[float, bytes]:
    """The order of a sorted set: by score, and then by member."""
    member, score = one
    return score, member
