"""The dashboard: linkable pages of one application, server-rendered first, each kept live by one stream."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from donebit.web.listener import Table, Topic
from donebit.web.live import ALIVE, Feed, Read
from trigger_app.pages import distinct, done, problems, sign_in, task, workers
from trigger_app.pages.fragments import FILTERS
from trigger_app.pages.view import PageContext, View

# In the order of the navigation. A view more is one line here.
VIEWS: tuple[View, ...] = (
    done.VIEW,
    task.VIEW,
    distinct.VIEW,
    workers.VIEW,
)


def blueprint(context: PageContext, feed: Feed) -> Blueprint:
    """Every page and its stream, and the sign-in."""
    routes = Blueprint("pages", __name__)
    for view in VIEWS:
        view.add_routes(routes, context)
    add_streams(routes, feed)
    sign_in.add_routes(routes, context.settings)
    problems.register(routes)
    for name, shown in FILTERS.items():
        routes.add_app_template_filter(shown, name)
    routes.app_context_processor(lambda: {"views": [view for view in VIEWS if view.title]})
    return routes


def add_streams(routes: Blueprint, feed: Feed) -> None:
    """One address for each view's stream, and for each thing that a view tells of."""
    names = {view.name for view in VIEWS}

    @routes.get("/events/<name>", defaults={"about": ""})
    @routes.get("/events/<name>/<about>")
    def events(name: str, about: str) -> ResponseReturnValue:
        about = about or request.args.get("about", "")  # which may be anything, of slashes and dots too
        if name not in names:
            abort(HTTPStatus.NOT_FOUND, f"no view is named {name[:100]!r}")
        return feed.stream(f"{name}:{about}", sign_of_life=ALIVE)


def reader(context: PageContext) -> Read:
    """What the one reader of a process reads for every stream that is open."""
    views = {view.name: view for view in VIEWS}

    def read(before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        now: dict[Topic, Table] = {}
        for topic, table in before.items():
            name, _, about = topic.partition(":")
            now[topic] = views[name].read(context, about, table)
        return now

    return read
