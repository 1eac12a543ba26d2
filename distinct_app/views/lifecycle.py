"""The routes of the lifecycle: how many users are in each state, and who they are."""

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
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of the lifecycle."""

    def question_of(path: EventPath) -> Question:
        return retention.question(site, path.event, None, Cohort.FIRST, clock.now())

    @routes.get("/events/<event>/lifecycle", responses={200: LifecycleAnswer})
    def event_lifecycle(path: EventPath, query: LifecycleQuery) -> Reply:
        """Count new, returning, resurrecting and dormant users of each period."""
        question = question_of(path)
        periods = periods_of(site, question, query, query.granularity, query.periods, "periods")
        made = answer_to(lifecycle.lifecycle, site, question, periods)
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
        """List the users in one lifecycle state in a period."""
        question = question_of(path)
        period = named_period(site, question, query.period, "period")
        users = lifecycle.users(site, question, period, query.state)
        page = answer_to(page_of, site, question.event.kind, users, after=query.after, limit=query.limit)
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
