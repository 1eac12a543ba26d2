"""The routes of one user's timeline and streaks, and of the distribution of all users' streaks."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath
from distinct_app.models.streaks import (
    LengthAnswer,
    StreakAnswer,
    StreaksAnswer,
    StreakSpanQuery,
    StreakUserPath,
    TimelineAnswer,
    UserSpanQuery,
    UserStreakAnswer,
)
from distinct_app.views.questions import user_of_path
from donebit import clock
from donebit.activity.analytics import period_ranges, streaks, timeline
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.analytics.streaks import StreakDistribution
from donebit.activity.analytics.timeline import Streak, Timeline
from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of timelines and streaks."""
    add_timeline(routes, site)
    add_streak(routes, site)

    @routes.get("/events/<event>/streaks", responses={200: StreaksAnswer})
    def streaks_of_all(path: EventPath, query: StreakSpanQuery) -> Reply:
        """Count users by the length of their longest and their current streak."""
        event = events.get(site, path.event)
        span = requested_range(site, event, query)
        found = answer_to(streaks.distribution, site, event, span)
        lengths = lengths_of(found)
        note = streaks_note(span)
        return answer(
            StreaksAnswer(**span_of(event, query, span), users=found.users, lengths=lengths, note=note)
        )


def add_timeline(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of one user's timeline."""

    @routes.get("/events/<event>/users/<user>/timeline", responses={200: TimelineAnswer})
    def timeline_of_user(path: StreakUserPath, query: StreakSpanQuery) -> Reply:
        """List the periods in which a user was active.

        Digits in the path mean an integer, unless the event holds texts.
        """
        event = events.get(site, path.event)
        return timeline_answer(site, event, user_of_path(path.user, event), query)

    @routes.get("/events/<event>/timeline", responses={200: TimelineAnswer})
    def timeline_of_text(path: EventPath, query: UserSpanQuery) -> Reply:
        """List the periods in which a user was active, for ids passed as ?user= (may contain slashes)."""
        return timeline_answer(site, events.get(site, path.event), query.user, query)


def add_streak(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of one user's streaks."""

    @routes.get("/events/<event>/users/<user>/streak", responses={200: UserStreakAnswer})
    def streak_of_user(path: StreakUserPath, query: StreakSpanQuery) -> Reply:
        """Show a user's current and longest streak.

        Digits in the path mean an integer, unless the event holds texts.
        """
        event = events.get(site, path.event)
        return streak_answer(site, event, user_of_path(path.user, event), query)

    @routes.get("/events/<event>/streak", responses={200: UserStreakAnswer})
    def streak_of_text(path: EventPath, query: UserSpanQuery) -> Reply:
        """Show a user's current and longest streak, for ids passed as ?user= (may contain slashes)."""
        return streak_answer(site, events.get(site, path.event), query.user, query)


def timeline_answer(site: Site, event: Event, user: User, query: StreakSpanQuery) -> Reply:
    found = timeline.user_timeline(site, event, user, requested_range(site, event, query))
    ranges = [streak_of(streak) for streak in found.streaks]
    return answer(
        TimelineAnswer(
            **span_of(event, query, found.span),
            user=user,
            active=len(found.names),
            present=found.names,
            ranges=ranges,
        )
    )


def streak_answer(site: Site, event: Event, user: User, query: StreakSpanQuery) -> Reply:
    found = timeline.user_timeline(site, event, user, requested_range(site, event, query))
    return answer(
        UserStreakAnswer(
            **span_of(event, query, found.span),
            user=user,
            active=len(found.names),
            current=streak_of(found.current),
            longest=streak_of(found.longest),
            counted_to=clock.iso(found.counted_to),
            note=streak_note(found),
        )
    )


def requested_range(site: Site, event: Event, query: StreakSpanQuery) -> PeriodRange:
    """The periods of a request. Raises InvalidInput as `period_ranges.requested_range` does."""
    start, stop = (
        site.calendar.moment(text, field) if text else None
        for text, field in ((query.from_, "from"), (query.to, "to"))
    )
    return period_ranges.requested_range(
        site, event, Granularity(query.granularity), start=start, stop=stop, now=clock.now()
    )


def span_of(event: Event, query: StreakSpanQuery, span: PeriodRange) -> dict[str, Any]:
    """The fields in which an answer describes its periods."""
    return {
        "event": event.name,
        "granularity": query.granularity,
        "from_": clock.iso(span.start),
        "to": clock.iso(span.stop),
        "periods": len(span.periods),
    }


def streak_of(streak: Streak) -> StreakAnswer:
    return StreakAnswer(
        length=streak.length,
        from_=clock.iso(streak.start) if streak.start else None,
        to=clock.iso(streak.stop) if streak.stop else None,
        at_least=streak.at_least,
    )


def lengths_of(found: StreakDistribution) -> list[LengthAnswer]:
    pairs = enumerate(zip(found.longest.tolist(), found.current.tolist(), strict=True))
    return [
        LengthAnswer(length=length, longest=longest, current=current)
        for length, (longest, current) in pairs
        if longest or current
    ]


def streak_note(found: Timeline) -> str:
    """In words, up to when one user's current streak is counted."""
    last = found.span.periods[-1]
    if not found.span.running:
        return f"the current streak is the one at the end of the {last.granularity} {last.name}"
    if found.present[-1]:
        return f"the {last.granularity} {last.name} counts already, though it has not ended"
    return (
        f"the {last.granularity} {last.name} has not ended and the user was not here in it yet: "
        f"the current streak counts up to the {last.granularity} before"
    )


def streaks_note(span: PeriodRange) -> str:
    """In words, up to when all users' current streaks are counted."""
    last = span.periods[-1]
    if not span.running:
        return f"current streaks are those at the end of the {last.granularity} {last.name}"
    return (
        f"the {last.granularity} {last.name} has not ended: for users not seen in it yet, the current streak "
        f"counts up to the {last.granularity} before"
    )
