"""The page: server-rendered first, then kept live by one event stream."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from shared import clock
from shared.activity import questions
from shared.activity.calendar import ALL_TIME, Granularity
from shared.activity.site import Site
from shared.completion import listing
from shared.config import Settings
from shared.errors import StoreUnavailable
from shared.web.guard import SIGNED_IN, free
from shared.web.listener import Message, Table, Topic
from shared.web.live import Feed
from shared.web.task_summary import TaskSummary

EVENT = "distinct"
SHOWN = 12  # tasks on the page
OVERVIEW = "overview"


def blueprint(site: Site, settings: Settings, feed: Feed) -> Blueprint:
    """The page, its files, its stream, and its sign-in."""
    routes = Blueprint("page", __name__, static_folder="static", template_folder="templates")

    @routes.get("/")
    @free
    def dashboard() -> ResponseReturnValue:
        if settings.api_token and not session.get(SIGNED_IN):
            return redirect("/sign-in")
        try:
            now, away = overview(site), None
        except StoreUnavailable as error:
            now, away = {"tasks": [], "distinct": None, "today": None}, error.detail
        return render_template("dashboard.html", now=now, away=away, settings=settings)

    @routes.get("/events")
    def events() -> ResponseReturnValue:
        return feed.stream(OVERVIEW)

    add_sign_in(routes, settings)
    return routes


def add_sign_in(routes: Blueprint, settings: Settings) -> None:
    """The page's own way in, for browsers cannot be told to send a header."""

    @routes.get("/sign-in")
    @free
    def sign_in() -> ResponseReturnValue:
        return render_template("sign_in.html", refused=False)

    @routes.post("/sign-in")
    @free
    def check_token() -> ResponseReturnValue:
        given, token = request.form.get("token", ""), settings.api_token
        if not token:  # nothing to sign in to, and no key to sign a cookie with
            return redirect("/")
        if not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            return render_template("sign_in.html", refused=True), 401
        session[SIGNED_IN] = True
        return redirect("/")


def overview(site: Site) -> Message:
    """What the page shows: tasks, running ones first, and how many distinct users there were."""
    today = site.calendar.period_at(Granularity.DAY, clock.now())
    return {
        "tasks": [TaskSummary.of(task).model_dump() for task in listing.in_sight(site.store, SHOWN)],
        "distinct": questions.count(site, EVENT, ALL_TIME),
        "today": questions.count(site, EVENT, today),
    }


def overviews(site: Site, topics: Iterable[Topic]) -> Mapping[Topic, Table]:
    return {topic: {OVERVIEW: overview(site)} for topic in topics}
