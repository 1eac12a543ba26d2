"""The view of tasks: start one, and watch them."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from shared.completion import listing
from shared.store import Store
from shared.web.listener import Message, Table
from shared.web.task_summary import TaskSummary
from trigger_app.pages.view import Ground, View, attempt, page

SHOWN = 12  # tasks on the page


def add_routes(routes: Blueprint, ground: Ground) -> None:
    @routes.get("/")
    @page(ground.settings)
    def done() -> ResponseReturnValue:
        now, away = attempt(lambda: overview(ground.store))
        return render_template("done.html", here="/", now=now, away=away, settings=ground.settings)


def overview(store: Store) -> Message:
    """Tasks, running ones first."""
    return {"tasks": [TaskSummary.of(task).model_dump() for task in listing.in_sight(store, SHOWN)]}


def read(ground: Ground, about: str, before: Table) -> Table:
    del about, before
    return {"overview": overview(ground.store)}


VIEW = View("done", "/", "Done", add_routes, read)
