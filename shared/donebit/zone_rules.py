"""A fingerprint of a time zone's rules: two hosts with other zone data may begin days at other moments."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = date(1970, 1, 1).toordinal(), date(2041, 1, 1).toordinal()
DIGITS = 16
# `localtime` is whatever the host is set to, and `Factory` is a placeholder: neither names a zone.
NO_ZONES = frozenset({"localtime", "Factory"})


@cache
def fingerprint(zone: str) -> str:
    """Return a hash of when each day from 1970 to 2040 begins in a zone; it takes 100 ms once.

    For a name that is no zone on this host it is "unknown".
    """
    if zone not in available_timezones():
        return "unknown"
    rules, digest = ZoneInfo(zone), hashlib.sha256()
    for ordinal in range(FIRST, LAST):
        begins = datetime.combine(date.fromordinal(ordinal), time.min, rules).astimezone(UTC)
        digest.update(
            b"%d " % (begins.toordinal() * 86_400 + begins.hour * 3600 + begins.minute * 60 + begins.second)
        )
    return digest.hexdigest()[:DIGITS]
