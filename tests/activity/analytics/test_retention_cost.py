"""What a question about cohorts costs the server, and where it is cut into scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from donebit.activity.analytics import cohort_rows, lifecycle, retention
from donebit.activity.analytics.retention import Cohort, Matrix
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import DEFAULT, ExpiryPolicy
from donebit.activity.periods.history import RetainedPeriods
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.matrices import CohortRows, MatrixStore
from donebit.store.pipelining import BITMAPS_AHEAD
from tests.activity.analytics.cohort_model import ALL_KEPT, keep
from tests.activity.arranged import NOW, UTC_CALENDAR, site_on
from tests.append_only import appended_by
from tests.conftest import everything
from tests.key_by_key import drop

DAYS = 100
DAYS_ALONE = replace(ALL_KEPT, week=timedelta(days=1), month=timedelta(days=1))


def visited(client: Redis, users: Sequence[int] = (1, 2, 3), days: int = DAYS) -> None:
    """The same users on every day until now."""
    keep(client, "read", ALL_KEPT)
    for back in range(days):
        ingest.record(site_on(Store.on(client)), "read", users, at=NOW - timedelta(days=back), now=NOW)


def matrix(client: Redis, cohort: Cohort, rows: int, columns: int) -> Matrix:
    site = site_on(Store.on(client))
    asked = retention.question(site, "read", None, cohort, NOW)
    last = site.calendar.period_at(Granularity.DAY, NOW)
    return retention.matrix(site, asked, retention.periods_until(site, asked, last, rows), columns)


@pytest.mark.parametrize("cohort", Cohort)
def test_a_row_that_is_too_wide_for_a_script_is_counted_by_several(client: Redis, cohort: Cohort) -> None:
    visited(client)
    most = cohort_rows.BITMAPS_A_SCRIPT - cohort_rows.OF_A_COHORT

    for columns in (most - 1, most, most + 1, 2 * most, 2 * most + 1, DAYS):
        rows = matrix(client, cohort, DAYS, columns).rows

        assert [row.users for row in rows] == [3] + [0 if cohort is Cohort.FIRST else 3] * (DAYS - 1)
        assert rows[0].counts == (3,) * columns


@pytest.mark.parametrize("shape", [(DAYS, 1), (30, 15), (DAYS, 30)])
@pytest.mark.parametrize("cohort", Cohort)
@pytest.mark.parametrize("kept", [ALL_KEPT, DAYS_ALONE], ids=["all", "days alone"])
def test_no_script_reads_more_than_others_may_wait_for(
    real_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
    kept: ExpiryPolicy,
    cohort: Cohort,
    shape: tuple[int, int],
) -> None:
    """But for those of users seen before the first row, of which there may be 128 more."""
    visited(real_client)
    keep(real_client, "read", kept)
    scripts, send = list[CohortRows](), MatrixStore.cohort_rows

    def noted(store: MatrixStore, asked: Sequence[CohortRows]) -> list[list[int]]:
        scripts.extend(asked)
        return send(store, asked)

    monkeypatch.setattr(MatrixStore, "cohort_rows", noted)
    matrix(real_client, cohort, *shape)

    for one in scripts:
        before = set() if one.before is None else set(one.before)
        sources = len(one.sources) - len(before)
        assert max(sources, sum(1 + len(columns) for _, columns in one.rows)) <= BITMAPS_AHEAD


def test_a_question_is_not_written_into_the_append_only_file(real_client: Redis) -> None:
    visited(real_client, days=3)
    before = everything(real_client)

    appended = appended_by(real_client, lambda: matrix(real_client, Cohort.FIRST, 3, 3))

    assert appended == 0
    assert everything(real_client) == before


def test_a_server_that_has_forgotten_the_script_is_sent_it_again(client: Redis) -> None:
    visited(client, days=2)
    client.script_flush()

    assert [row.users for row in matrix(client, Cohort.RECURRING, 2, 1).rows] == [3, 3]


def test_a_registered_segment_whose_bitmap_is_gone_is_empty(client: Redis) -> None:
    visited(client, days=3)
    client.delete(keys.segment(0, "read", f"{NOW - timedelta(days=1):%Y-%m-%d}"))

    counts = [row.counts for row in matrix(client, Cohort.RECURRING, 3, 3).rows]

    assert counts == [(3, 0, 3), (0, 0, None), (3, None, None)]


def test_too_many_bitmaps_that_tell_who_was_there_before_are_refused(client: Redis) -> None:
    days = cohort_rows.MOST_BEFORE + 2
    visited(client, days=days)
    keep(client, "read", DAYS_ALONE)

    with pytest.raises(InvalidInput, match=r"^first-time users would be found from \d+ bitmaps; at most 128"):
        matrix(client, Cohort.FIRST, 1, 1)


def test_a_user_of_the_period_before_is_not_new_after_its_month_expired(client: Redis) -> None:
    """As after a retention of months that was lengthened too late: the days are still there."""
    site, first_of_month = site_on(Store.on(client)), datetime(2026, 11, 1, 12, tzinfo=UTC)
    keep(client, "read", ALL_KEPT)
    for at in (first_of_month - timedelta(days=1), first_of_month):
        ingest.record(site, "read", [1, 2], at=at, now=NOW)
    drop(client, keys.segments("read", "2026-10"), keys.segment(0, "read", "2026-10"))
    asked = retention.question(site, "read", None, Cohort.FIRST, NOW)

    (stage,) = lifecycle.lifecycle(
        site, asked, [site.calendar.period_at(Granularity.DAY, first_of_month)]
    ).stages

    assert (stage.new, stage.returning, stage.resurrecting) == (0, 2, 0)


def test_months_then_weeks_then_days_tell_who_was_there_before() -> None:
    stop = UTC_CALENDAR.midnight(datetime(2026, 11, 19).date())
    names = {"2024-01", "2026-09", "2026-10", "2026-11", "2026-W44", "2026-W46", "2026-W47", "2026-11-16"}
    kept = RetainedPeriods(UTC_CALENDAR, DEFAULT, names, NOW)

    # All of October is in its month. What November had until then is in weeks, and in days of the last.
    assert [one.name for one in kept.history(stop)] == [
        "2024-01",
        "2026-09",
        "2026-10",
        "2026-W44",
        "2026-W46",
        "2026-11-16",
    ]
    assert f"{kept.known_from():%Y-%m-%d}" == "2021-10-01"


def test_a_week_that_is_kept_tells_of_the_month_that_is_not(client: Redis) -> None:
    now = datetime(2026, 1, 4, 12, tzinfo=UTC)
    days = [datetime(2025, 10, 30, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)]
    keep(client, "read", ALL_KEPT)
    site = site_on(Store.on(client))
    for visit in days:
        ingest.record(site, "read", [1], at=visit, now=now)

    # The week of 27 October reaches into November; that month is kept, October is not, nor are its days.
    day, week, month = timedelta(days=20), timedelta(days=90), timedelta(days=45)
    keep(client, "read", replace(ALL_KEPT, day=day, week=week, month=month))

    question = retention.question(site, "read", None, Cohort.FIRST, now)
    (row,) = retention.matrix(site, question, [UTC_CALENDAR.period_at(Granularity.DAY, days[1])], 1).rows
    assert row.users == 0


def test_of_an_event_without_periods_nobody_was_there_before() -> None:
    assert RetainedPeriods(UTC_CALENDAR, DEFAULT, (), NOW).history(NOW) == []
