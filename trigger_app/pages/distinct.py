"""The view of distinct users: how many there were, and visits to simulate."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from shared import clock
from shared.activity import questions
from shared.activity.periods import Granularity, period_at
from shared.store import Store
from shared.web.listener import Message, Table
from trigger_app.pages.view import Ground, View, attempt, page

EVENT = "distinct"


def add_routes(routes: Blueprint, ground: Ground) -> None:
    @routes.get("/distinct")
    @page(ground.settings)
    def distinct() -> ResponseReturnValue:
        now, away = attempt(lambda: counts(ground.store))
        return render_template(
            "distinct.html", here="/distinct", now=now, away=away, settings=ground.settings
        )


def counts(store: Store) -> Message:
    """How many distinct users there were."""
    now = clock.now()
    return {
        "distinct": questions.count(store, EVENT, period_at(Granularity.ALL, now)),
        "today": questions.count(store, EVENT, period_at(Granularity.DAY, now)),
    }


def read(ground: Ground, about: str, before: Table) -> Table:
    del about, before
    return {"counts": counts(ground.store)}


VIEW = View("distinct", "/distinct", "Distinct", add_routes, read)
