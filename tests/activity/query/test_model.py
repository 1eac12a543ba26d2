"""Random expressions over random visits, late ones and expired ones too, against sets of plain Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.flags import flag as flags
from donebit.activity.periods.calendar import DAY, HOUR, Granularity
from donebit.activity.periods.expiry import DEFAULT
from donebit.activity.query import as_json, run, text
from donebit.activity.query.tree import Combination, EventUsers, Expression, FlagUsers, Not, leaves_of
from donebit.activity.sets.algebra import Operation
from donebit.activity.site import Site
from donebit.activity.users.ids import LARGEST_ID
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import real_now, site_on
from tests.conftest import everything
from tests.key_by_key import drop

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
EVENTS, FLAGS = ["a", "b-c", "and"], ["f", "g"]
USERS = st.sampled_from([0, 1, 7, 8, 9, SEGMENT_BITS - 1, SEGMENT_BITS, 2 * SEGMENT_BITS + 3, LARGEST_ID])
AGO = st.integers(0, 60 * 24).map(lambda hours: hours * HOUR) | st.integers(0, 47).map(lambda n: n * HOUR)
VISITS = st.lists(
    st.tuples(st.sampled_from(EVENTS), AGO, st.sets(USERS, min_size=1, max_size=5)), min_size=1, max_size=8
)
KEPT_DAYS = 30  # less than the visits go back: days before are gone, their weeks and months are not


@dataclass
class Model:
    """Who visited what and when, and who has which flag."""

    zone: str
    now: datetime
    visits: list[tuple[str, datetime, set[int]]] = field(default_factory=list)
    flags: dict[str, set[int]] = field(default_factory=dict)

    def of(self, expression: Expression) -> set[int]:
        match expression:
            case EventUsers(event=event, when=when):
                return self.users(lambda name, at: name == event and self.lies_in(at, when))
            case FlagUsers(flag=flag):
                return self.flags.get(flag, set())
            case Not(users=users):
                return self.users(lambda *_: True) - self.of(users)
            case Combination(operation=operation, parts=parts):
                first, *others = map(self.of, parts)
                for other in others:
                    first = TOGETHER[operation](first, other)
                return first

    def users(self, chosen: Callable[[str, datetime], bool]) -> set[int]:
        return set().union(*(users for name, at, users in self.visits if chosen(name, at)))

    def lies_in(self, at: datetime, when: str) -> bool:
        day, today = (moment.astimezone(ZoneInfo(self.zone)).date() for moment in (at, self.now))
        if when in ("today", "yesterday"):
            return day == (today if when == "today" else today - DAY)
        if when.endswith("d"):
            return today - int(when[:-1]) * DAY < day <= today
        if ".." in when:
            start, stop = when.split("..")
            told = f"{at:%Y-%m-%dT%H}" if "T" in when else str(day)
            return start <= told and (not stop or told < stop)
        year, week, _ = day.isocalendar()
        return when in ("all", str(day), f"{day:%Y-%m}", f"{year}-W{week:02}", f"{at:%Y-%m-%dT%H}")


TOGETHER: dict[Operation, Callable[[set[int], set[int]], set[int]]] = {
    Operation.AND: set.__and__,
    Operation.OR: set.__or__,
    Operation.XOR: set.__xor__,
    Operation.MINUS: set.__sub__,
}


def when(days: tuple[int, int], hours: tuple[int, int], form: str) -> str:
    """Around now, by the real clock: Redis expires by its own."""
    now = real_now()
    first, second = (now - ago * DAY for ago in sorted(days, reverse=True))
    year, week, _ = first.isocalendar()
    ends = [f"{now - ago * HOUR:%Y-%m-%dT%H}" for ago in sorted(hours, reverse=True)]
    return {
        "day": f"{first:%Y-%m-%d}",
        "week": f"{year}-W{week:02}",
        "month": f"{first:%Y-%m}",
        "hour": ends[0],
        "hours": f"{ends[0]}..{ends[1]}",
        "days": f"{first:%Y-%m-%d}..{second + DAY:%Y-%m-%d}",
        "since": f"{first:%Y-%m-%d}..",
        "last": f"{max(days) + 1}d",
    }.get(form, form)


FORMS = ["all", "today", "yesterday", "day", "week", "month", "hour", "hours", "days", "since", "last"]
WHENS = st.builds(
    when,
    st.tuples(st.integers(0, 62), st.integers(0, 62)),
    st.tuples(st.integers(0, 23), st.integers(24, 46)),
    st.sampled_from(FORMS),
)
LEAVES: st.SearchStrategy[Expression] = st.builds(
    EventUsers, st.sampled_from([*EVENTS, "never"]), WHENS
) | st.builds(FlagUsers, st.sampled_from([*FLAGS, "unset"]))


def larger(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    many = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.builds(Combination, st.sampled_from(Operation), many) | st.builds(Not, parts)


EXPRESSIONS = st.lists(st.recursive(LEAVES, larger, max_leaves=10), min_size=1, max_size=4)
FLAGGED = st.fixed_dictionaries(dict.fromkeys(FLAGS, st.sets(USERS, max_size=5)))


def arrange(site: Site, visits: list[tuple[str, timedelta, set[int]]], flagged: dict[str, set[int]]) -> Model:
    model = Model(site.zone, real_now(), flags=flagged)
    for event, ago, users in visits:
        ingest.record(site, event, sorted(users), at=model.now - ago, now=model.now)
        model.visits.append((event, model.now - ago, users))
    for flag, users in flagged.items():
        if users:
            flags.set_users(site, flag, sorted(users))
    return model


def expire_days(client: Redis, site: Site, now: datetime) -> None:
    """As their TTL would, for a shorter retention than they were written with."""
    for event in EVENTS:
        client.hset(keys.event_meta(event), "keep_day", KEPT_DAYS * 24 * 3600)
        for ago in range(KEPT_DAYS, 64):
            period = site.calendar.period_at(Granularity.DAY, now - ago * DAY)
            if period.stop is not None and period.stop + KEPT_DAYS * DAY <= now:
                bitmap = Bitmap(event, period.name)
                for (segment,) in [site.store.bitmaps.segments([bitmap])]:
                    drop(client, bitmap.registry(keys), *(bitmap.segment(keys, number) for number in segment))


def check(client: Redis, site: Site, model: Model, expressions: list[Expression]) -> None:
    before = everything(client)
    oldest = site.calendar.day_of(model.now) - KEPT_DAYS * DAY
    for expression in expressions:
        try:
            count, _ = run.count(site, text.parse(text.render(expression)), now=model.now)
            page, _ = run.members(
                site, as_json.parse(as_json.render(expression)), after=0, limit=3, now=model.now
            )
        except InvalidInput as refused:
            assert "kept" in refused.detail  # noqa: PT017 - an answer is right, too
            assert any(
                begins(leaf, model) < oldest for leaf in leaves_of(expression) if isinstance(leaf, EventUsers)
            )
            continue
        wanted = model.of(expression)
        assert count == len(wanted), text.render(expression)
        assert page.users == sorted(wanted - {0})[:3]
    assert everything(client) == before


def begins(leaf: EventUsers, model: Model) -> date:
    """The first day of a from-to, the last days or a day, as written."""
    if leaf.when.endswith("d"):
        return model.now.astimezone(ZoneInfo(model.zone)).date() - int(leaf.when[:-1]) * DAY
    return date.fromisoformat(leaf.when[:10]) if len(leaf.when) >= 10 else date.max


@settings(max_examples=24, deadline=None)
@given(st.sampled_from(ZONES), VISITS, FLAGGED, EXPRESSIONS)
def test_any_expression_is_answered_as_sets_would_on_fakeredis(
    zone: str,
    visits: list[tuple[str, timedelta, set[int]]],
    flagged: dict[str, set[int]],
    expressions: list[Expression],
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        # A segment's span: ids up to 2^32-1 are 4097 segments apart, and still few.
        site = site_on(Store.on(client), zone=zone)
        model = arrange(site, visits, flagged)
        expire_days(client, site, model.now)
        check(client, site, model, expressions)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ZONES), VISITS, FLAGGED, EXPRESSIONS)
def test_any_expression_is_answered_as_sets_would_on_a_real_server(
    real_client: Redis,
    zone: str,
    visits: list[tuple[str, timedelta, set[int]]],
    flagged: dict[str, set[int]],
    expressions: list[Expression],
) -> None:
    real_client.flushall()
    site = site_on(Store.on(real_client), zone=zone)
    model = arrange(site, visits, flagged)
    expire_days(real_client, site, model.now)
    check(real_client, site, model, expressions)


def counted(store: Store, said: str) -> int:
    return run.count(site_on(store), text.parse(said), now=real_now())[0]


def test_not_is_against_the_users_ever_seen_and_against_nobody_else(store: Store) -> None:
    site = site_on(store)
    for event, users in {"a": [1, 2], "b": [2, SEGMENT_BITS + 1]}.items():
        ingest.record(site, event, users, at=real_now(), now=real_now())
    flags.set_users(site, "f", [2, 77])

    assert [
        counted(store, said) for said in ("!a", "!b", "!flag:f", "!(a | b)", "!!flag:f", "!never & a")
    ] == [
        *(1, 1, 2, 0, 1),
        2,
    ]
    assert [counted(store, said) for said in ("flag:f - a", "flag:f & !a", "a & !flag:f & !b")] == [1, 0, 1]


def test_a_shorter_bitmap_takes_away_no_more_than_it_holds(store: Store) -> None:
    site = site_on(store)
    ingest.record(site, "long", list(range(0, 4000, 3)), at=real_now(), now=real_now())
    ingest.record(site, "short", [3], at=real_now(), now=real_now())

    assert [counted(store, said) for said in ("long - short", "short - long", "long ^ short", "!short")] == [
        1333,
        0,
        1333,
        1333,
    ]


def test_kinds_are_not_mixed_and_both_are_named(store: Store) -> None:
    site = site_on(store)
    ingest.record(site, "ints", [1], at=real_now(), now=real_now())
    flags.set_users(site, "texts", ["x"])

    with pytest.raises(
        InvalidInput, match="character 8: flag texts holds texts and event ints holds integers"
    ):
        counted(store, "ints | flag:texts")


def test_not_of_what_was_never_seen_needs_a_kind_where_there_are_two(store: Store) -> None:
    site = site_on(store)

    assert counted(store, "!never") == 0
    ingest.record(site, "ints", [1, 2], at=real_now(), now=real_now())
    assert counted(store, "!never") == 2
    ingest.record(site, "texts", ["x"], at=real_now(), now=real_now())
    with pytest.raises(
        InvalidInput, match="character 1: `not` is ambiguous: events hold both integers and texts; name"
    ):
        counted(store, "!never")
    assert counted(store, "ints & !never") == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "a | a@2020-01-01",
            "text, character 5: a@2020-01-01: the day 2020-01-01 is no longer kept: .* 400 days",
        ),
        ("a@2020-01-01..2020-02-01", "character 1: .* what is still kept: days from .*, months from"),
        ("a@9d & a@8001d", "character 8: .* cannot be made up of what is still kept"),
        ("a@2026-02-31", "character 1: a@2026-02-31: it is '2026-02-31'; it must be a day"),
        (" | ".join(f"a@{days}d" for days in range(60, 360)), "more than 256 events and flags"),
    ],
)
def test_what_is_not_kept_is_refused_where_it_stands(store: Store, said: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        counted(store, said)


def test_periods_that_are_no_longer_kept_are_not_nobody(store: Store) -> None:
    """Their bitmaps are gone, so an answer would be a quiet 0."""
    last_kept = real_now() - DEFAULT.day

    assert counted(store, f"a@{last_kept:%Y-%m-%d}") == 0
    with pytest.raises(InvalidInput, match="no longer kept"):
        counted(store, f"a@{last_kept - DAY:%Y-%m-%d}")
