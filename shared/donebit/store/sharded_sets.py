"""Reads sorted sets as if they were one, which is in as many keys as there are shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from math import isqrt
from typing import cast

from redis import Redis

Scored = tuple[bytes, float]  # a member and its score


def lowest(client: Redis, names: Sequence[str], most: int, limit: int) -> list[Scored]:
    """The first members with a score of 0 to `most`, from the lowest score up."""

    def of_each(count: int) -> list[list[Scored]]:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrangebyscore(name, 0, most, start=0, num=count, withscores=True)
            return cast(list[list[Scored]], pipe.execute())

    return _first_of_all(of_each, len(names), limit)


def highest(client: Redis, names: Sequence[str], most: int | None, least: int, limit: int) -> list[Scored]:
    """The first members with a score of `most`, None for any, to `least`, from the highest score down."""
    top = "+inf" if most is None else most

    def of_each(count: int) -> list[list[Scored]]:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrevrangebyscore(name, top, least, start=0, num=count, withscores=True)
            return cast(list[list[Scored]], pipe.execute())

    return _first_of_all(of_each, len(names), limit, descending=True)


def _first_of_all(
    of_each: Callable[[int], list[list[Scored]]], shards: int, limit: int, *, descending: bool = False
) -> list[Scored]:
    """The first members, each shard asked for somewhat more than its share; once more where that is not all.

    Args:
        of_each: reads the first so many of each shard
    """
    if shards == 1:
        (page,) = of_each(limit)
        return page
    share = min(limit, likely_share(limit, shards))
    pages = of_each(share)
    found = _first_of_pages(pages, limit, descending=descending)
    if share < limit and any(len(page) == share and page[-1] in found for page in pages):
        return _first_of_pages(of_each(limit), limit, descending=descending)
    return found


def likely_share(limit: int, shards: int) -> int:
    """How many of the first members one shard has at most, but in one read of some hundreds."""
    mean = limit // shards
    return mean + 4 * isqrt(mean) + 4


def _first_of_pages(pages: Iterable[list[Scored]], limit: int, *, descending: bool) -> list[Scored]:
    """The first of all pages, in the order of a sorted set: by score, and then by member."""
    return sorted(chain.from_iterable(pages), key=_place, reverse=descending)[:limit]


def _place(one: Scored) -> tuple[float, bytes]:
    member, score = one
    return score, member
