"""Made-up people who sign up, come back less and less, and now and then buy: the same ones every time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint32]
Shares = npt.NDArray[np.float64]

FIRST_DAY = date(2026, 1, 1)  # their numbers are counted from here, so that a day's people stay the same
MOST_A_DAY = 1000  # who sign up
SEED = 20_260_101

WEEKEND = 0.7  # of a weekday
CAMPAIGN_EVERY_DAYS, CAMPAIGN_DAYS, CAMPAIGN = 45, 3, 2.2  # brings so many times as many, of whom few stay
BUYING = 0.06


class Persona(NamedTuple):
    """One kind of people: how likely they come on the day after they signed up, and for how long."""

    comes: float
    patience_days: float  # until no more than 1/e of them come on a day


CURIOUS, REGULAR, DEVOTED = Persona(0.4, 4.5), Persona(0.4, 45.0), Persona(0.95, 900.0)
DEVOTED_SHARE = 0.025


class SampleDay(NamedTuple):
    """What happened on one day: ids."""

    date: date
    visited: Ids
    bought: Ids


def day(date_: date, days: int) -> SampleDay:
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
    return SampleDay(date_, ids[visited], ids[visited & (chances[1] < BUYING)])


def _likelihood(age: npt.NDArray[np.int64], ids: Ids, *, weekend: bool) -> Shares:
    """Everybody comes on the day they sign up; afterwards each as their kind does, most of them not long."""
    place = _spread(ids)
    devoted, regular = place < DEVOTED_SHARE, place < DEVOTED_SHARE + _regulars(ids // MOST_A_DAY)
    likely = np.where(regular, _coming(REGULAR, age), _coming(CURIOUS, age)) * (WEEKEND if weekend else 1.0)
    return np.where(age == 0, 1.0, np.where(devoted, _coming(DEVOTED, age), likely))


def _coming(kind: Persona, age: npt.NDArray[np.int64]) -> Shares:
    return kind.comes * np.exp(-age / kind.patience_days)


def _regulars(number: Ids) -> Shares:
    """The share of those who signed up on a day that stays: it changes with the seasons of the product."""
    staying = 0.4 + 0.12 * np.sin(number / 24)
    return np.where(_is_campaign(number), 0.5 * staying, staying)


def _is_campaign(number: Ids) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = number % CAMPAIGN_EVERY_DAYS < CAMPAIGN_DAYS
    return within


def _signed_up(number: int) -> Ids:
    """The people of one day: more as the weeks go by, fewer at weekends, many when they were called."""
    weekday = (FIRST_DAY + timedelta(days=number)).weekday()
    many = min(90 + 0.45 * number, 400) + 25 * np.sin(number / 9)
    many *= WEEKEND if weekday >= 5 else 1.0
    many *= CAMPAIGN if _is_campaign(np.array(number)) else 1.0
    return np.arange(int(many), dtype=np.uint32) + np.uint32(max(number, 0) * MOST_A_DAY)


def _spread(ids: Ids) -> Shares:
    """Where each stands between 0 and 1, whatever day they signed up on (Knuth's multiplicative hash)."""
    return (ids * np.uint32(2_654_435_761)).astype(np.float64) / 2**32


def newsletter(ids: Ids) -> Ids:
    """Who wants to receive it: a third, whoever they are."""
    return ids[_spread(ids) * 7 % 1 < 1 / 3]
