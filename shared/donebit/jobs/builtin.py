"""The jobs that come with Donebit: one that sleeps, one that simulates visitors."""

from __future__ import annotations

import random
import time
from functools import cache
from typing import Annotated

import urllib3
from pydantic import Field

from donebit import config
from donebit.jobs.decorator import job

FIRST_USER, LAST_USER = 100_000, 999_999
VISITS_IN_A_ROW = 4

OUTAGE_RETRIES = urllib3.Retry(total=5, backoff_factor=0.2, status_forcelist=(503,), allowed_methods=None)
TIMEOUT = urllib3.Timeout(connect=2, read=5)


@job("demo")
def demo(
    step: int,
    *,
    sleep_ms: Annotated[int, Field(ge=0, le=60_000)] = 100,
    fail_percent: Annotated[int, Field(ge=0, le=100)] = 0,
) -> None:
    """Sleep a random time up to `sleep_ms`, then fail with a probability of `fail_percent` percent."""
    if sleep_ms > 0:
        time.sleep(random.uniform(0, sleep_ms) / 1000)  # noqa: S311 - no cryptography
    if fail_percent > 0 and random.uniform(0, 100) < fail_percent:  # noqa: S311 - the same
        raise RuntimeError(f"step {step} was asked to fail at random")


@job("visit")
def visit(step: int, *, seed: int) -> None:
    """Report one visit to distinct_app. A step that runs again reports the same user."""
    url = f"{config.load().distinct_address}/distinct?userId={visitor(seed, step)}"
    answer = _http().request("POST", url, headers=_headers())
    if answer.status != 200:
        raise RuntimeError(f"distinct_app answered {answer.status} to a visit: {answer.data[:200]!r}")


def visitor(seed: int, step: int) -> int:
    """The user of a visit: random, with one to four visits in a row.

    The user depends on seed and step alone, so that a step that runs again reports the same one.
    """
    first = step
    while not _arrives(seed, first):
        first -= 1
    return random.Random(f"{seed} user {first}").randint(FIRST_USER, LAST_USER)  # noqa: S311 - the same


def _arrives(seed: int, step: int) -> bool:
    """Whether this step is the first visit of a user; every fourth step always is."""
    return step % VISITS_IN_A_ROW == 0 or random.Random(f"{seed} at {step}").random() < 0.4  # noqa: S311 - the same


@cache
def _http() -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=OUTAGE_RETRIES, timeout=TIMEOUT)


@cache
def _headers() -> dict[str, str]:
    token = config.load().api_token
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
