"""Made-up users who sign up, come back less and less and sometimes buy; the same ones every time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint32]
Shares = npt.NDArray[np.float64]

FIRST_DAY = date(2026, 1, 1)  # ids are counted from here, so that a day's users stay the same
MOST_A_DAY = 1000  # sign-ups
SEED = 20_260_101

WEEKEND = 0.7  # of a weekday
CAMPAIGN_EVERY_DAYS, CAMPAIGN_DAYS, CAMPAIGN = 45, 3, 2.2  # so many times as many sign-ups, few of whom stay
BUYING = 0.06


class Persona(NamedTuple):
    """A kind of user: how likely one comes on the day after signing up, and for how long."""

    comes: float
    fading_days: float  # until 1/e of them still come


CURIOUS, REGULAR, DEVOTED = Persona(0.4, 4.5), Persona(0.4, 45.0), Persona(0.95, 900.0)
DEVOTED_SHARE = 0.025


class SampleDay(NamedTuple):
    """The ids of one day."""

    date: date
    visited: Ids
    bought: Ids


def day(date_: date, days: int) -> SampleDay:
    """Return one day of the users who signed up in the `days` up to it.

    Each day has a generator of its own, keyed by its date (Philox is counter based), so that it is the same
    whenever and however often it is computed.
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
    """Return how likely each user comes: certainly on the day of signing up, later as their kind does."""
    place = _spread(ids)
    devoted, regular = place < DEVOTED_SHARE, place < DEVOTED_SHARE + _regulars(ids // MOST_A_DAY)
    likely = np.where(regular, _coming(REGULAR, age), _coming(CURIOUS, age)) * (WEEKEND if weekend else 1.0)
    return np.where(age == 0, 1.0, np.where(devoted, _coming(DEVOTED, age), likely))


def _coming(kind: Persona, age: npt.NDArray[np.int64]) -> Shares:
    return kind.comes * np.exp(-age / kind.fading_days)


def _regulars(number: Ids) -> Shares:
    """Return the share of a day's sign-ups that stays; it changes slowly over time."""
    staying = 0.4 + 0.12 * np.sin(number / 24)
    return np.where(_is_campaign(number), 0.5 * staying, staying)


def _is_campaign(number: Ids) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = number % CAMPAIGN_EVERY_DAYS < CAMPAIGN_DAYS
    return within


def _signed_up(number: int) -> Ids:
    """Return the sign-ups of one day: more over time, fewer at weekends, many in a campaign."""
    weekday = (FIRST_DAY + timedelta(days=number)).weekday()
    many = min(90 + 0.45 * number, 400) + 25 * np.sin(number / 9)
    many *= WEEKEND if weekday >= 5 else 1.0
    many *= CAMPAIGN if _is_campaign(np.array(number)) else 1.0
    return np.arange(int(many), dtype=np.uint32) + np.uint32(max(number, 0) * MOST_A_DAY)


def _spread(ids: Ids) -> Shares:
    """Map each id to a number from 0 to 1 (Knuth's multiplicative hash)."""
    return (ids * np.uint32(2_654_435_761)).astype(np.float64) / 2**32


def newsletter(ids: Ids) -> Ids:
    """Return the third of the ids that subscribed to the newsletter."""
    return ids[_spread(ids) * 7 % 1 < 1 / 3]
