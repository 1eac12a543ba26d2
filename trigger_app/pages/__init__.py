"""The dashboard: pages drawn by the server, each kept live by one event stream."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from donebit.errors import InvalidInput
from donebit.web.access import current_caller
from donebit.web.listener import Table, Topic
from donebit.web.live import ALIVE, Feed, ReadTopics
from donebit.wording import LONGEST_QUOTE
from trigger_app.pages import distinct, done, ends, history, jobs, problems, schedules, sign_in, task, workers
from trigger_app.pages.form_token import form_field, form_token, roles
from trigger_app.pages.fragments import FILTERS, TESTS
from trigger_app.pages.view import PageContext, View

TICKED = "ids"  # the field of a form that may be there several times
# In the order of the navigation.
VIEWS: tuple[View, ...] = (
    done.VIEW,
    task.VIEW,
    jobs.VIEW,
    schedules.VIEW,
    distinct.VIEW,
    workers.VIEW,
    history.VIEW,
    ends.VIEW,
)


def blueprint(context: PageContext, feed: Feed) -> Blueprint:
    """Make the routes of every page, of its stream, and of the sign-in."""
    routes = Blueprint("pages", __name__)
    for view in VIEWS:
        view.add_routes(routes, context)
    add_streams(routes, feed)
    sign_in.add_routes(routes, context.settings)
    routes.before_request(refuse_fields_twice)
    problems.register(routes)
    for name, shown in FILTERS.items():
        routes.add_app_template_filter(shown, name)
    for name, holds in TESTS.items():
        routes.add_app_template_test(holds, name)
    root = context.settings.trigger_prefix  # not of the context: templates that are imported need it too
    shared = {
        "root": root,
        "form_field": form_field,
        "form_token": form_token,
        "roles": roles,
        "current_caller": current_caller,
    }
    routes.record_once(lambda state: state.app.jinja_env.globals.update(shared))
    routes.app_context_processor(lambda: {"views": [view for view in VIEWS if view.title]})
    return routes


def refuse_fields_twice() -> None:
    """Refuse a form with a field twice, of which one would be ignored; many tasks may be ticked.

    Raises:
        InvalidInput: it has such a field.
    """
    for name, values in request.form.lists():
        if len(values) > 1 and name != TICKED:
            shown = name[:LONGEST_QUOTE]
            raise InvalidInput(f"{shown} is given {len(values)} times; once is enough", field=shown)


def add_streams(routes: Blueprint, feed: Feed) -> None:
    """Add the event streams: `/events/{view}`, and `/events/{view}/{about}` for one task or event."""
    views = {view.name: view for view in VIEWS}

    @routes.get("/events/<name>", defaults={"about": ""})
    @routes.get("/events/<name>/<about>")
    def events(name: str, about: str) -> ResponseReturnValue:
        about = about or request.args.get("about", "")  # which may be anything, of slashes and dots too
        if name not in views:
            abort(HTTPStatus.NOT_FOUND, f"no view is named {name[:100]!r}")
        # Here and not where something is changed, which another process may have done.
        if last_reads := views[name].last_reads:
            last_reads.forget()
        return feed.stream(f"{name}:{about}", sign_of_life=ALIVE)


def reader(context: PageContext) -> ReadTopics:
    """Make the function by which a process reads for all its open streams at once."""
    views = {view.name: view for view in VIEWS}

    def read(before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        now: dict[Topic, Table] = {}
        for topic, table in before.items():
            name, _, about = topic.partition(":")
            now[topic] = views[name].read(context, about, table)
        return now

    return read
