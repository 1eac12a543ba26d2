"""Retention: of the users of a period, how many came back in each of the following periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from donebit.activity.analytics import cohort_rows
from donebit.activity.analytics.cohort_row import CohortRow
from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Period, bounds
from donebit.activity.periods.history import RetainedPeriods
from donebit.activity.sets.algebra import Set, both, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

MOST_CELLS = 10_000  # of a matrix, rows x columns: 0.1 s of the server at a million users


class Cohort(StrEnum):
    """Which users of a row's period are in its cohort."""

    FIRST = "first"  # users who were never active before, as far back as visits are retained
    RECURRING = "recurring"  # all users who were active


@dataclass(frozen=True, slots=True)
class Question:
    """A question about retention: cohorts are users of `event`, columns count users of `returning`."""

    event: Event
    returning: Event
    cohort: Cohort
    now: datetime
    kept: RetainedPeriods  # of `event`; users in earlier ones are not part of a first-time cohort


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One cohort: `counts[c]` of its `users` were active in the c-th period from its own, counted from 0.

    None stands for a period that has not begun. `open_column` is the column whose period has not ended yet.
    """

    period: Period
    users: int
    counts: tuple[int | None, ...]
    open_column: int | None


@dataclass(frozen=True, slots=True)
class Average:
    """One column over all rows in which its period has ended: `returned` of `users` came back."""

    users: int
    returned: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cohorts of successive periods, the earliest first.

    `known_from` is for first-time cohorts: no visit before it is retained, so users who were active only
    before it count as new.
    """

    rows: tuple[MatrixRow, ...]
    averages: tuple[Average, ...]
    known_from: datetime | None


def question(site: Site, event: str, returning: str | None, cohort: Cohort, now: datetime) -> Question:
    """A question about the retention of an event's users.

    Args:
        returning: the event that counts as coming back; None for the same event.

    Raises:
        InvalidInput: the two events hold users of different kinds.
    """
    asked = events.get(site, event)
    other = asked if returning in (None, event) else events.get(site, returning or event)
    if None not in (asked.kind, other.kind) and asked.kind != other.kind:
        raise InvalidInput(
            f"event {asked.name} holds {asked.kind} and event {other.name} holds {other.kind}; "
            "users of two kinds cannot be compared",
            field="return",
        )
    names = frozenset(site.store.visits.periods(event)) if cohort is Cohort.FIRST else frozenset()
    return Question(
        asked,
        other,
        cohort,
        now,
        RetainedPeriods(site.calendar, asked.expiry, names - {"all"}, now, asked.imported),
    )


def periods_until(site: Site, asked: Question, last: Period, rows: int, field: str = "rows") -> list[Period]:
    """The periods of `rows` rows up to the last one, ascending.

    Args:
        field: what their number is called in error messages.

    Raises:
        InvalidInput: the last has not begun, or the first has expired.
    """
    refuse_unbegun(last, asked.now, "at")
    periods = [last]
    refuse_past(asked, last, "at")
    while len(periods) < rows:
        periods.append(site.calendar.before(periods[-1]))
        refuse_past(asked, periods[-1], field)
    return periods[::-1]


def periods_from(site: Site, asked: Question, first: Period, rows: int) -> list[Period]:
    """The periods of at most `rows` rows from the first one on, without periods that have not begun.

    Raises:
        InvalidInput: the first has not begun, or has expired.
    """
    refuse_unbegun(first, asked.now, "from")
    refuse_past(asked, first, "from")
    return list(_begun(site, first, rows, asked.now))


def refuse_unbegun(period: Period, now: datetime, field: str) -> None:
    """Raise InvalidInput for a period that has not begun."""
    if bounds(period)[0] > now:
        raise InvalidInput(
            f"the {period.granularity} {period.name} has not begun: {field} must not be ahead of "
            f"{now:%Y-%m-%dT%H:%M:%SZ}",
            field=field,
        )


def refuse_too_many(rows: int, columns: int) -> None:
    """Raise InvalidInput for a matrix of too many cells."""
    if rows * columns > MOST_CELLS:
        raise InvalidInput(
            f"{rows} rows of {columns} columns are {rows * columns} cells; at most {MOST_CELLS}",
            field="columns",
        )


def refuse_past(asked: Question, period: Period, field: str) -> None:
    """Raise InvalidInput for a period that has expired in either event."""
    for event in (asked.event, asked.returning):
        event.expiry.check(period, asked.now, field)


def _begun(site: Site, first: Period, most: int, now: datetime) -> Iterator[Period]:
    """At most `most` successive periods, without those that have not begun."""
    period = first
    for _ in range(most):
        if bounds(period)[0] > now:
            return
        yield period
        period = site.calendar.after(period)


def matrix(site: Site, asked: Question, rows: Sequence[Period], columns: int) -> Matrix:
    """The cohort of each row's period, and how many of its users each column has.

    Args:
        rows: successive periods of one granularity, all begun and retained.
        columns: how many periods are counted, from the row's own on.

    Raises:
        InvalidInput: there are too many cells, or too many bitmaps would be read to find first-time users.
    """
    refuse_too_many(len(rows), columns)
    begun = list(_begun(site, rows[0], len(rows) + columns - 1, asked.now))
    counted = cohort_rows.count_rows(site.store, list(_cohort_rows(asked, rows, begun, columns)))
    matrix_rows = tuple(
        MatrixRow(
            row, counts.size, _padded(counts.columns, columns), _open_column(begun, place, columns, asked)
        )
        for place, (row, counts) in enumerate(zip(rows, counted, strict=True))
    )
    return Matrix(matrix_rows, tuple(averages(matrix_rows, columns)), known_from(asked))


def _cohort_rows(
    asked: Question, rows: Sequence[Period], begun: Sequence[Period], columns: int
) -> Iterator[CohortRow]:
    returning = tuple(Bitmap(asked.returning.name, period.name) for period in begun)
    before = before_rows(asked, rows) if asked.cohort is Cohort.FIRST else [NOT_ASKED] * len(rows)
    for place, (row, earlier) in enumerate(zip(rows, before, strict=True)):
        yield CohortRow(Bitmap(asked.event.name, row.name), returning[place : place + columns], *earlier)


def earlier_bitmaps(asked: Question, row: Period) -> tuple[Bitmap, ...] | None:
    """The bitmaps of users who are not in a row's first-time cohort; None for recurring cohorts."""
    if asked.cohort is Cohort.RECURRING:
        return None
    return _bitmaps_of(asked, asked.kept.history(bounds(row)[0]))


class Before(NamedTuple):
    """The bitmaps of users seen before a row, and those of them whose users are in no row above.

    The latter are those of a month before rows of weeks, say: they were imported for it, or the weeks and
    days that had them are gone.
    """

    users: tuple[Bitmap, ...] | None
    besides: tuple[Bitmap, ...] = ()


NOT_ASKED = Before(None)


def before_rows(asked: Question, rows: Sequence[Period]) -> list[Before]:
    """Who was seen before each of the rows, of a question about first-time users."""
    kept, stops = asked.kept, [bounds(row)[0] for row in rows]
    covers = [kept.covering(stop) for stop in stops]
    return [
        Before(
            _bitmaps_of(asked, kept.history_of(cover, stop)),
            _bitmaps_of(asked, [*kept.imported_besides(row.granularity, stop), *later]),
        )
        for row, stop, cover, later in zip(rows, stops, covers, kept.known_later(covers, stops), strict=True)
    ]


def _bitmaps_of(asked: Question, periods: Sequence[Period]) -> tuple[Bitmap, ...]:
    return tuple(Bitmap(asked.event.name, period.name) for period in periods)


def known_from(asked: Question) -> datetime | None:
    """No visit before this moment is retained; None for recurring cohorts, for which it does not matter."""
    return None if asked.cohort is Cohort.RECURRING else asked.kept.known_from()


def _padded(counts: tuple[int, ...], columns: int) -> tuple[int | None, ...]:
    return (*counts, *[None] * (columns - len(counts)))


def _open_column(begun: Sequence[Period], row: int, columns: int, asked: Question) -> int | None:
    last = len(begun) - 1 - row
    return last if last < columns and bounds(begun[-1])[1] > asked.now else None


def averages(rows: Sequence[MatrixRow], columns: int) -> Iterator[Average]:
    """Each column's average, weighted by the cohorts' sizes, over the rows in which its period has ended."""
    for column in range(columns):
        users = returned = 0
        for row in rows:
            count = row.counts[column]
            if count is not None and row.open_column != column:
                users += row.users
                returned += count
        yield Average(users, returned)


def cohort(asked: Question, row: Period) -> Set:
    """The users of a row, as a set to be listed, counted or combined further."""
    users = Bitmap(asked.event.name, row.name)
    earlier = earlier_bitmaps(asked, row)
    return without(users, union(earlier)) if earlier else users


def column_of(site: Site, asked: Question, row: Period, column: int) -> Period:
    """The period of a row's column. Raises InvalidInput for one that has not begun."""
    begun = list(_begun(site, row, column + 1, asked.now))
    if len(begun) <= column:
        raise InvalidInput(
            f"column {column} of the {row.granularity} {row.name} has not begun; the last that has is "
            f"{len(begun) - 1}",
            field="column",
        )
    return begun[column]


def cell(asked: Question, row: Period, column: Period) -> Set:
    """The users of a cohort who were active in a column's period."""
    return both(cohort(asked, row), Bitmap(asked.returning.name, column.name))
