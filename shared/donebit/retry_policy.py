"""How often a step of a job is tried, and how long it pauses between two attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MOST_ATTEMPTS = 15  # what the four bits that count them in Redis can hold


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a step is tried, and the pause before its second attempt; each further pause is doubled."""

    max_attempts: int = 3
    backoff: timedelta = timedelta(seconds=1)
