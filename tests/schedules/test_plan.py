"""What is due of a schedule, against a plain model that looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from donebit.schedules.firing import MOST_FIRINGS_PER_LOOK, Plan, plan
from donebit.schedules.looking import TICK
from donebit.schedules.schedule import MOST_COUNTED, Missed, Overlap, Schedule
from tests.schedules.arranged import BEGIN, every, spec
from trigger_app.schedules.models import ScheduleAnswer


def model(missed: Missed, due: list[datetime], queued: list[datetime], too_late: datetime) -> Plan:
    """The plan for these firings, of which some were queued."""
    rest = [one for one in due if one not in queued]
    late = [one for one in rest if one < too_late]
    if missed is Missed.ALL:
        return Plan(due[:MOST_FIRINGS_PER_LOOK])
    in_time = [one for one in rest if one >= too_late]
    if missed is Missed.LATEST and late and not in_time:
        return Plan([*queued, late[-1]], len(late) - 1, late[-1] - TICK if late[:-1] else None)
    return Plan([*queued, *in_time], len(late), late[-1] if late else None)


@given(
    missed=st.sampled_from(Missed),
    minutes=st.sampled_from([1, 5, 15]),
    grace=st.integers(1, 600),
    away=st.integers(0, 3 * 3600),
    queued=st.integers(0, 5),
)
@settings(deadline=None)
def test_what_is_due_is_what_the_model_says(
    missed: Missed, minutes: int, grace: int, away: int, queued: int
) -> None:
    now = BEGIN + timedelta(seconds=away)
    due = every(minutes, BEGIN, now)
    waiting = due[:queued]
    asked = spec(f"*/{minutes} * * * *", missed=missed, grace=timedelta(seconds=grace))
    schedule = Schedule(
        "nightly",
        asked,
        BEGIN,
        BEGIN,
        BEGIN,
        None,
        waiting[-1] if waiting else None,
        None,
        None,
        0,
        0,
        0,
    )

    found = plan(schedule, now)

    expected = model(missed, due, waiting, now - timedelta(seconds=grace))
    assert found.firings == expected.firings[:MOST_FIRINGS_PER_LOOK]
    assert (found.left_out, found.mark) == (expected.left_out, expected.mark)


def test_a_year_that_nobody_looked_at_is_planned_in_parts() -> None:
    now = datetime(2027, 3, 28, 12, tzinfo=UTC)
    schedule = Schedule(
        "nightly",
        spec("* * * * *", missed=Missed.ALL),
        BEGIN,
        BEGIN,
        BEGIN,
        None,
        None,
        None,
        None,
        0,
        0,
        0,
    )

    found = plan(schedule, now)

    assert found.firings == every(1, BEGIN, BEGIN + timedelta(minutes=MOST_FIRINGS_PER_LOOK))


def test_firings_that_wait_for_months_are_counted_to_a_bound() -> None:
    until = BEGIN + timedelta(days=90)
    schedule = Schedule(
        "nightly",
        spec("* * * * *", overlap=Overlap.QUEUE),
        BEGIN,
        BEGIN,
        BEGIN,
        None,
        until,
        None,
        None,
        0,
        0,
        0,
    )

    waiting = ScheduleAnswer.of(schedule, until).waiting

    assert waiting == MOST_COUNTED == 1000
