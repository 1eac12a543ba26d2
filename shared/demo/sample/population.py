"""Made-up people who sign up, come back less and less, and now and then buy: the same ones every time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint32]

FIRST_DAY = date(2026, 1, 1)  # their numbers are counted from here, so that a day's people stay the same
MOST_A_DAY = 400
SEED = 20_260_101

# Of those who signed up a day ago, how many come on a day: one half for long, the other for a few days.
STAYING, LEAVING = 0.42, 0.55  # at first
PATIENCE_DAYS = 4.0
WEEKEND = 0.7  # of a weekday
BUYING = 0.06


class Day(NamedTuple):
    """What happened on one day: ids."""

    date: date
    visited: Ids
    bought: Ids


def day(date_: date, days: int) -> Day:
    """One day of people who signed up in the `days` up to it.

    Each day has a generator of its own, keyed by its date (Philox is counter based), so that it comes out
    alike on whichever day, and however often, it is asked for.
    """
    number = (date_ - FIRST_DAY).days
    ages = np.arange(min(days, max(number, 0) + 1))
    signed_up = [_signed_up(number - int(age)) for age in ages]
    ids = np.concatenate(signed_up) if signed_up else np.empty(0, np.uint32)
    age = np.repeat(ages, [len(some) for some in signed_up])
    chances = np.random.Generator(np.random.Philox(key=[SEED, number])).random((2, len(ids)))
    visited = chances[0] < _likelihood(age, ids, weekend=date_.weekday() >= 5)
    return Day(date_, ids[visited], ids[visited & (chances[1] < BUYING)])


def _likelihood(age: npt.NDArray[np.int64], ids: Ids, *, weekend: bool) -> npt.NDArray[np.float64]:
    """Everybody comes on the day they sign up; two kinds of people, told apart by their number."""
    faithful = ids % 2 == 0
    likely = np.where(faithful, STAYING * 0.995**age, LEAVING * np.exp(-age / PATIENCE_DAYS))
    return np.where(age == 0, 1.0, likely * (WEEKEND if weekend else 1.0))


def _signed_up(number: int) -> Ids:
    """The people of one day: more as the weeks go by, fewer at weekends."""
    weekday = (FIRST_DAY + timedelta(days=number)).weekday()
    many = 120 + 40 * np.sin(number / 19) + (number % 365) * 0.3
    count = int(many * (WEEKEND if weekday >= 5 else 1.0))
    return np.arange(count, dtype=np.uint32) + np.uint32(max(number, 0) * MOST_A_DAY)


def newsletter(ids: Ids) -> Ids:
    """Who wants to receive it: a third, whoever they are."""
    wants: npt.NDArray[np.bool_] = ids * np.uint32(2_654_435_761) % np.uint32(3) == 0
    return ids[wants]
