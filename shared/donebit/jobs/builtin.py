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
    """Do nothing, for a random time up to `sleep_ms`; and fail, as many of a hundred times as asked."""
    if sleep_ms > 0:
        time.sleep(random.uniform(0, sleep_ms) / 1000)  # noqa: S311 - a nap needs no secrecy
    if fail_percent > 0 and random.uniform(0, 100) < fail_percent:  # noqa: S311 - nor does a mishap
        raise RuntimeError(f"step {step} was asked to fail now and then")


@job("visit")
def visit(step: int, *, seed: int) -> None:
    """Tell distinct_app of one visit. The same step of the same task is always the same user's."""
    url = f"{config.load().distinct_address}/distinct?userId={visitor(seed, step)}"
    answer = _http().request("POST", url, headers=_headers())
    if answer.status != 200:
        raise RuntimeError(f"distinct_app answered {answer.status} to a visit: {answer.data[:200]!r}")


def visitor(seed: int, step: int) -> int:
    """The user of a visit: a random one, who stays for one to four visits in a row.

    Derived from the step alone, so that a step that runs again tells of the same user.
    """
    first = step
    while not _arrives(seed, first):
        first -= 1
    return random.Random(f"{seed} user {first}").randint(FIRST_USER, LAST_USER)  # noqa: S311 - the same


def _arrives(seed: int, step: int) -> bool:
    """Whether a new user begins at this step. One always does every fourth step."""
    return step % VISITS_IN_A_ROW == 0 or random.Random(f"{seed} at {step}").random() < 0.4  # noqa: S311 - the same


@cache
def _http() -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=OUTAGE_RETRIES, timeout=TIMEOUT)


@cache
def _headers() -> dict[str, str]:
    token = config.load().api_token
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
