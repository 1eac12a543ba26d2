"""The users page, and the pages that list users."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from donebit import clock, deadline
from donebit.activity.analytics.lifecycle import UserState
from donebit.activity.site import Site
from donebit.errors import InvalidInput, TookTooLong
from donebit.names import EXAMPLE_EVENT
from trigger_app.pages.distinct import curves, lifecycle, retention, streaks
from trigger_app.pages.distinct.choice import GRANULARITIES, LONGEST_EXPRESSION, Chosen, DistinctSelection
from trigger_app.pages.distinct.expression import Refusal, result
from trigger_app.pages.distinct.figures import figures, last_reads, read_figures
from trigger_app.pages.distinct.naming import list_users
from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import PageContext, View, attempt, count_asked, page_route, redirect_to

T = TypeVar("T")


def add_routes(routes: Blueprint, context: PageContext) -> None:
    @routes.get("/distinct")
    @page_route(context.settings)
    def distinct() -> ResponseReturnValue:
        with deadline.within(context.settings.question_timeout):
            found, away = attempt(lambda: overview(context.site))
        return render_template(
            "distinct.html",
            here="/distinct",
            away=away,
            **found or {"choice": None},
            example=EXAMPLE_EVENT,
            granularities=GRANULARITIES,
            longest_expression=LONGEST_EXPRESSION,
            states=[*reversed(lifecycle.UPWARDS), UserState.DORMANT],
            settings=context.settings,
        )

    @routes.get("/distinct/users")
    @page_route(context.settings)
    def distinct_users() -> ResponseReturnValue:
        with deadline.within(context.settings.question_timeout):
            found, away = attempt(lambda: list_users(context.site))
        return render_template("distinct_users.html", here="/distinct", away=away, found=found)

    @routes.post("/simulate")
    def simulate() -> ResponseReturnValue:
        """Start visits of random users, as the form asks."""
        count = count_asked(context.settings.max_steps)
        begun = context.starter.start_job(count, "visit", {"seed": secrets.randbelow(2**32)})
        return redirect_to(f"/tasks/{begun.task.task_id}") if wants_page() else begun.reply()


def overview(site: Site) -> dict[str, Any]:
    """Read what the page shows of an event; no charts for one without visits."""
    choice = DistinctSelection.from_request(site)
    chosen = Chosen.of(site, choice)
    answer = result(site, choice.expression) if choice.expression else None
    seen = chosen.event.kind is not None
    return {
        "choice": choice,
        "events": sorted({*site.store.visits.events(), choice.event}),
        "now": figures(site, choice.event),
        "at": clock.iso(chosen.now),
        "answer": answer,
        "refused": isinstance(answer, Refusal),
        "seen": seen,
        **(charts(chosen) if seen else {}),
    }


def charts(chosen: Chosen) -> dict[str, Any]:
    """Compute the charts, which are drawn once when the page is opened."""
    return {
        "days": part(lambda: curves.curves(chosen)),
        "heat": part(lambda: retention.heat_map(chosen)),
        "life": part(lambda: lifecycle.bars(chosen)),
        "streaks": part(lambda: streaks.streaks(chosen)),
    }


def part(draw: Callable[[], T]) -> dict[str, T | str]:
    """Compute one chart, or say why it is refused: the others are still drawn."""
    try:
        return {"drawn": draw()}
    except (InvalidInput, TookTooLong) as error:
        return {"refused": error.detail}


VIEW = View("distinct", "/distinct", "Users", add_routes, read_figures, last_reads)
