"""The example project's routes: one event, whose distinct users are counted at each visit."""

from __future__ import annotations

import logging

from flask_openapi3 import APIBlueprint

from distinct_app.models.visits import (
    Distinct,
    Forgotten,
    MaybeVisit,
    MaybeVisitQuery,
    Visit,
    VisitQuery,
)
from donebit import clock
from donebit.activity.analytics import counts
from donebit.activity.events import deletion, single_visit
from donebit.activity.events.single_visit import Visited
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.site import Site
from donebit.names import EXAMPLE_EVENT
from donebit.throttled_log import ThrottledLog
from donebit.web.answers import Reply, answer
from donebit.web.origin import changes_state

log = ThrottledLog(logging.getLogger(__name__))


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the example project's routes, also by GET, as its curl commands use them."""

    def visit(user: int) -> Reply:
        return answer(visit_answer(single_visit.visit(site, EXAMPLE_EVENT, user, clock.now())))

    add_reset(routes, site)

    @routes.post("/distinct", responses={200: Visit}, operation_id="distinct_post")
    def post_distinct(query: VisitQuery) -> Reply:
        """Record a visit of a user to the event distinct."""
        return visit(query.userId)

    @routes.get("/distinct", responses={200: MaybeVisit}, operation_id="distinct_get")
    @changes_state(parameter="userId")
    def get_distinct(query: MaybeVisitQuery) -> Reply:
        """Count the distinct users of the event distinct; with ?userId= record a visit first."""
        if query.userId is not None:
            return visit(query.userId)
        return answer(Distinct(distinct=distinct_users(site)))


def visit_answer(visited: Visited) -> Visit:
    """The answer to a visit, which is logged too."""
    log.info("%d distinct users", visited.users)
    return Visit(distinct=visited.users, fresh=visited.fresh)


def add_reset(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that delete the example event."""

    def reset() -> Reply:
        deletion.forget(site, EXAMPLE_EVENT)
        return answer(Forgotten(distinct=distinct_users(site)))

    @routes.delete("/distinct", responses={200: Forgotten}, operation_id="distinct_delete")
    def delete_distinct() -> Reply:
        """Delete all visits of the event distinct."""
        return reset()

    @routes.get("/distinct/reset", responses={200: Forgotten}, operation_id="distinct_reset")
    @changes_state(instead="DELETE /distinct")
    def reset_distinct() -> Reply:
        """Delete all visits of the event distinct by GET."""
        return reset()


def distinct_users(site: Site) -> int:
    """How many distinct users the example event ever had."""
    return counts.count(site, EXAMPLE_EVENT, ALL_TIME)
