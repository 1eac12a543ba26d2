"""The routes of stickiness: how often users come, and the ratios of DAU, WAU and MAU."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.cohorts import (
    Ratios,
    RatiosAnswer,
    RatiosQuery,
    StickinessAnswer,
    StickinessQuery,
    SuccessiveQuery,
)
from distinct_app.models.common import EventPath
from distinct_app.views.successive import periods_of, range_fields, rate
from donebit import clock
from donebit.activity.analytics import retention, stickiness
from donebit.activity.analytics.retention import Cohort, Question
from donebit.activity.analytics.stickiness import Active, ActivityDistribution
from donebit.activity.periods.calendar import bounds
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of stickiness."""

    def question_of(path: EventPath) -> Question:
        return retention.question(site, path.event, None, Cohort.RECURRING, clock.now())

    @routes.get("/events/<event>/stickiness", responses={200: StickinessAnswer})
    def event_stickiness(path: EventPath, query: StickinessQuery) -> Reply:
        """Count users by the number of recent periods in which they were active."""
        question = question_of(path)
        until = SuccessiveQuery(at=query.at)
        periods = periods_of(site, question, until, query.granularity, query.periods, "periods")
        made = answer_to(stickiness.distribution, site, question, periods)
        return answer(stickiness_answer(path.event, query, made))

    @routes.get("/events/<event>/stickiness/ratios", responses={200: RatiosAnswer})
    def event_ratios(path: EventPath, query: RatiosQuery) -> Reply:
        """Show daily, weekly and monthly active users and the DAU/WAU/MAU ratios."""
        question = question_of(path)
        days = periods_of(site, question, query, "day", query.days, "days")
        active = answer_to(stickiness.active_users, site, question, days)
        return answer(RatiosAnswer(event=path.event, days=[ratios(one, question) for one in active]))


def stickiness_answer(event: str, query: StickinessQuery, made: ActivityDistribution) -> StickinessAnswer:
    first, last = range_fields(made.periods[0]), range_fields(made.periods[-1])
    return StickinessAnswer(
        event=event,
        granularity=query.granularity,
        from_=first["from_"],
        to=last["to"],
        periods=len(made.periods),
        users=made.users,
        active=made.active,
        mean=rate(made.visits, made.active),
    )


def ratios(one: Active, question: Question) -> Ratios:
    return Ratios(
        day=one.day.name,
        dau=one.daily,
        wau=one.weekly,
        mau=one.monthly,
        dau_wau=rate(one.daily, one.weekly),
        dau_mau=rate(one.daily, one.monthly),
        wau_mau=rate(one.weekly, one.monthly),
        mean_days=rate(one.days, one.monthly),
        running=bounds(one.day)[1] > question.now,
    )
