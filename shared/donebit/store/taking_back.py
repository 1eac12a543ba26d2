"""Taking days of an event back: which bitmaps are read and changed for it, as one script a segment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to


class Affected(NamedTuple):
    """A period that days are taken out of.

    Attributes:
        period: its name
        staying: periods within it whose users stay in it, since they were there at another time
        expired: times of it that are no longer kept themselves, each as the longer periods around it; a
            user who is in all of these may have been there. Without any, everybody may
    """

    period: str
    staying: Sequence[str]
    expired: Sequence[Sequence[str]]


class TakingBack(NamedTuple):
    """Days that are taken back, and the periods that they lie in, all time last.

    Attributes:
        days: with imported hours that lie in two of them
        hours: periods that lie in one of the days, and go with it
    """

    event: str
    kind: str
    days: Sequence[str]
    hours: Sequence[str]
    affected: Sequence[Affected]


class SegmentTaken(NamedTuple):
    """What one segment lost, or would lose.

    Attributes:
        unknown: the place among the affected periods of one whose result nothing proves; None for none
        users: distinct users of the days
        visits: the sum of the users of each day
        lost: users that each affected period loses
    """

    unknown: int | None
    users: int = 0
    visits: int = 0
    lost: Sequence[int] = ()


class TakeBackStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def take_back(self, asked: TakingBack, segments: Sequence[int], *, apply: bool) -> list[SegmentTaken]:
        """Take the days back in each segment, or only count what that would remove."""
        script = self._scripts["take_back"]
        places = {name: place for place, name in enumerate(_periods(asked), start=1)}
        counts = len(places), len(asked.days), len(asked.hours), len(asked.affected)
        args: list[str | int] = ["apply" if apply else "check", *counts]
        args += _program(asked, places)
        commands: list[Command] = []
        for number in segments:
            names = [self._keys.segment(number, asked.event, period) for period in places]
            names.append(self._keys.user_count(number, asked.event, asked.kind))
            token = uuid.uuid4().hex
            names += [self._keys.query_scratch(number, token, level) for level in range(3)]
            names.append(self._keys.kept_windows(number, asked.event))
            commands.append(("EVALSHA", script.sha, len(names), *names, *args))
        return [_taken(answer) for answer in answers_to(self._client, commands, script)]


def _periods(asked: TakingBack) -> list[str]:
    """Every bitmap that is read, once: the days first, then their hours, and all time last."""
    names = dict.fromkeys([*asked.days, *asked.hours])
    for one in asked.affected:
        names |= dict.fromkeys([one.period, *one.staying, *(name for times in one.expired for name in times)])
    last = asked.affected[-1].period
    return [*(name for name in names if name != last), last]


def _program(asked: TakingBack, places: Mapping[str, int]) -> Iterator[int]:
    for one in asked.affected:
        yield places[one.period]
        yield from _listed(one.staying, places)
        yield len(one.expired)
        for containing in one.expired:
            yield from _listed(containing, places)


def _listed(names: Sequence[str], places: Mapping[str, int]) -> list[int]:
    return [len(names), *(places[name] for name in names)]


def _taken(answer: list[Any]) -> SegmentTaken:
    users, visits, *lost = answer
    if users == b"unknown":
        return SegmentTaken(visits - 1)
    return SegmentTaken(None, users, visits, lost)
