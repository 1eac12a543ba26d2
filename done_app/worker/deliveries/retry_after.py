"""The header Retry-After: how long a receiver asks to be left alone (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime

from donebit import clock

SECONDS = re.compile(r"[0-9]{1,9}")  # what is longer is bounded to less anyway


def retry_after(headers: Message) -> timedelta | None:
    """How long to wait, from seconds or from a date; None without the header, or when it is neither.

    A date is compared with the receiver's own `Date` where it sends one: its clock may not be ours.
    """
    asked = headers.get("Retry-After", "").strip()
    if SECONDS.fullmatch(asked):
        return timedelta(seconds=int(asked))
    at = _moment(asked)
    if at is None:
        return None
    return max(at - (_moment(headers.get("Date", "")) or clock.now()), timedelta(0))


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
