"""When a schedule fires: a cron expression in a time zone, over the changes of its clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from donebit.errors import InvalidInput
from donebit.zone_rules import NO_ZONES

FIELDS = 5  # minute, hour, day of the month, month, day of the week
LONGEST = 200  # characters of an expression
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# A range of one value with a step, as 5-5/2: that value alone, which cronsim takes for 5-59/2.
RANGE_OF_ONE = re.compile(r"\b0*(\w+)-0*\1/0*[1-9]\d*", re.IGNORECASE)
LONGEST_REPEATED = timedelta(hours=3)  # that a clock shows twice; it has been two at most
# How far to look back for the last firing: most expressions have one in the first of these.
LOOK_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 32, 366, 8 * 366))


@dataclass(frozen=True, slots=True)
class Timing:
    """A cron expression, and the zone whose wall clock it means.

    As Debian's cron does it: what is due at fixed times is due once a day. A time that the clock skips is due
    as the clock moves on, and one that the clock shows twice only the first time. What begins with `*` in the
    minutes or hours is due by elapsed time, in both of two repeated hours.
    """

    cron: str
    zone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first firing later than a moment, in UTC; None if there is none in 50 years."""
        return next(self.all_after(moment), None)

    def all_after(self, moment: datetime) -> Iterator[datetime]:
        """Every firing later than a moment, in UTC, in their order."""
        by_elapsed_time = any(field.startswith("*") for field in expanded(self.cron).split()[:2])
        return self._by_elapsed_time(moment) if by_elapsed_time else self._at_fixed_times(moment)

    def _by_elapsed_time(self, moment: datetime) -> Iterator[datetime]:
        """Whenever the clock shows what is due, twice if it shows that twice."""
        zone = zone_of(self.zone)
        start = moment.astimezone(zone)
        if start.utcoffset() != start.replace(fold=1 - start.fold).utcoffset():
            start -= LONGEST_REPEATED  # by the clock: what it showed before comes again
        second_times = list[datetime]()
        for shown in CronSim(expanded(self.cron), start.replace(tzinfo=None, fold=0)):
            first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
            if first > second:  # the clock skips it
                continue
            if first == second:
                yield from (one for one in second_times if one > moment)
                second_times.clear()
            else:
                second_times.append(second)
            if first > moment:
                yield first
        yield from (one for one in second_times if one > moment)

    def _at_fixed_times(self, moment: datetime) -> Iterator[datetime]:
        found = moment
        for local in CronSim(expanded(self.cron), moment.astimezone(zone_of(self.zone))):
            firing = local.astimezone(UTC)
            # In the second of two repeated hours the first one's times come again, and two times that the
            # clock skips are one.
            if firing > found:
                yield firing
                found = firing

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every firing later than `after`, up to `until`."""
        for firing in self.all_after(after):
            if firing > until:
                return
            yield firing

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The last firing later than `after`, up to `until`; None if there is none in eight years."""
        for back in LOOK_BACK:
            found = None
            for found in self.between(max(after, until - back), until):  # noqa: B007 - the last is kept
                pass
            if found is not None or until - back <= after:
                return found
        return None


@lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def stored(cron: str, zone: str) -> Timing:
    """A timing that was checked when it was stored, perhaps on a host that knows other zones.

    Raises:
        KeyError: the zone is unknown here.
    """
    zone_of(zone)
    return Timing(cron, zone)


def expanded(cron: str) -> str:
    """The five fields that cronsim is given for an expression, or for a name such as @daily."""
    return RANGE_OF_ONE.sub(r"\1", MACROS.get(cron, cron))


def checked(cron: str, zone: str, now: datetime) -> Timing:
    """Check an expression and a zone.

    Raises:
        InvalidInput: the expression cannot be read or never fires, or the zone is unknown here.
    """
    if zone not in available_timezones() - NO_ZONES:
        raise InvalidInput(f"zone is {zone[:LONGEST]!r}; it must be an IANA time zone", field="zone")
    timing = Timing(" ".join(cron.split()), zone)
    if len(cron) > LONGEST or len(expanded(timing.cron).split()) != FIELDS:
        raise _refusal(cron, "must be minute, hour, day of the month, month and day of the week, or @daily")
    try:
        first = timing.after(now)
    except CronSimError as error:
        raise _refusal(cron, f"cannot be read: {str(error).lower()}") from None
    if first is None:
        raise _refusal(cron, "never fires")
    return timing


def _refusal(cron: str, why: str) -> InvalidInput:
    return InvalidInput(f"cron is {cron[:LONGEST]!r}; it {why}", field="cron")
