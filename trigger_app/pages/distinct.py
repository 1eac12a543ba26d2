"""The view of distinct users: how many there were, and visits to simulate."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from shared import clock
from shared.activity import questions
from shared.activity.calendar import ALL_TIME, Granularity
from shared.activity.site import Site
from shared.web.listener import Message, Table
from trigger_app.pages.view import Ground, View, attempt, page

EVENT = "distinct"


def add_routes(routes: Blueprint, ground: Ground) -> None:
    @routes.get("/distinct")
    @page(ground.settings)
    def distinct() -> ResponseReturnValue:
        now, away = attempt(lambda: counts(ground.site))
        return render_template(
            "distinct.html", here="/distinct", now=now, away=away, settings=ground.settings
        )


def counts(site: Site) -> Message:
    """How many distinct users there were."""
    today = site.calendar.period_at(Granularity.DAY, clock.now())
    return {
        "distinct": questions.count(site, EVENT, ALL_TIME),
        "today": questions.count(site, EVENT, today),
    }


def read(ground: Ground, about: str, before: Table) -> Table:
    del about, before
    return {"counts": counts(ground.site)}


VIEW = View("distinct", "/distinct", "Distinct", add_routes, read)
