"""The routes of the lifecycle: what users are in each period, and who."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.cohorts import (
    LifecycleAnswer,
    LifecycleQuery,
    LifecycleStage,
    StateMembers,
    StateQuery,
)
from distinct_app.models.common import EventPath
from distinct_app.views.successive import named_period, periods_of, range_fields
from donebit import clock
from donebit.activity.analytics import lifecycle, retention
from donebit.activity.analytics.lifecycle import Stage
from donebit.activity.analytics.retention import Cohort, Question
from donebit.activity.sets.members import page_of
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """Both only look."""

    def requested_range(path: EventPath) -> Question:
        return retention.question(site, path.event, None, Cohort.FIRST, clock.now())

    @routes.get("/events/<event>/lifecycle", responses={200: LifecycleAnswer})
    def event_lifecycle(path: EventPath, query: LifecycleQuery) -> Reply:
        """How many users of each period are new, returning or resurrecting, and how many are dormant."""
        question = requested_range(path)
        periods = periods_of(site, question, query, query.granularity, query.periods)
        made = lifecycle.lifecycle(site, question, periods)
        return answer(
            LifecycleAnswer(
                event=path.event,
                granularity=query.granularity,
                known_from=clock.iso(made.known_from),
                periods=list(map(lifecycle_answer, made.stages)),
            )
        )

    @routes.get("/events/<event>/lifecycle/members", responses={200: StateMembers})
    def lifecycle_members(path: EventPath, query: StateQuery) -> Reply:
        """The users who are new, returning, resurrecting or dormant in a period."""
        question = requested_range(path)
        period = named_period(site, question, query.period, "period")
        users = lifecycle.users(site, question, period, query.state)
        page = page_of(site, question.event.kind, users, after=query.after, limit=query.limit)
        return answer(
            StateMembers(
                event=path.event, state=query.state, users=page.users, next=page.next, **range_fields(period)
            )
        )


def lifecycle_answer(stage: Stage) -> LifecycleStage:
    return LifecycleStage(
        new=stage.new,
        returning=stage.returning,
        resurrecting=stage.resurrecting,
        dormant=stage.dormant,
        active=stage.active,
        running=stage.open,
        **range_fields(stage.period),
    )
