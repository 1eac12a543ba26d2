"""The HTTP routes of expectations."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from flask_openapi3 import APIBlueprint, Tag

from donebit import clock
from donebit.completion.spec import Callback, Webhook
from donebit.completion.state import State
from donebit.schedules import expecting
from donebit.schedules.expectation import ExpectationSpec
from donebit.schedules.timing import checked
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.problems import EVERYWHERE, documented
from trigger_app.expectations.models import (
    ExpectationAnswer,
    ExpectationBody,
    ExpectationPath,
    ExpectationsAnswer,
)
from trigger_app.starting import Starter

TAG = Tag(name="expectations", description="Be told when a task is not done in time")
UNKNOWN = documented(HTTPStatus.NOT_FOUND)
CONFLICT = documented(HTTPStatus.CONFLICT)


def blueprint(starter: Starter) -> APIBlueprint:
    """Make the routes over the store of this starter, which checks receivers."""
    routes = APIBlueprint("expectations", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    store = starter.store

    @routes.get("/expectations", responses={200: ExpectationsAnswer})
    def list_expectations() -> Reply:
        """List all expectations by name, each with whether it is met."""
        now = clock.now()
        found = [ExpectationAnswer.of(one, now) for one in expecting.list_expectations(store)]
        return answer(ExpectationsAnswer(expectations=found))

    @routes.get("/expectations/<name>", responses={200: ExpectationAnswer, **UNKNOWN, **CONFLICT})
    def get_expectation(path: ExpectationPath) -> Reply:
        """Read an expectation."""
        return answer(ExpectationAnswer.of(expecting.get(store, path.name), clock.now()))

    @routes.put(
        "/expectations/<name>", responses={200: ExpectationAnswer, 201: ExpectationAnswer, **CONFLICT}
    )
    def put_expectation(path: ExpectationPath, body: ExpectationBody) -> Reply:
        """Make an expectation, or change it: it is met then until its next deadline.

        A paused one stays paused. A miss is announced once, to the log and to its receivers, and once more
        when it is met again.
        """
        saved = expecting.put(store, path.name, spec_of(starter, body))
        status = HTTPStatus.CREATED if saved.fresh else HTTPStatus.OK
        return answer(ExpectationAnswer.of(saved.expectation, clock.now()), status)

    add_changes(routes, store)
    return routes


def add_changes(routes: APIBlueprint, store: Store) -> None:
    """Add the routes that pause, resume and delete an expectation."""

    @routes.post("/expectations/<name>/pause", responses={200: ExpectationAnswer, **UNKNOWN, **CONFLICT})
    def pause_expectation(path: ExpectationPath) -> Reply:
        """Pause an expectation: no deadline is judged until it is resumed."""
        return answer(ExpectationAnswer.of(expecting.pause(store, path.name), clock.now()))

    @routes.post("/expectations/<name>/resume", responses={200: ExpectationAnswer, **UNKNOWN, **CONFLICT})
    def resume_expectation(path: ExpectationPath) -> Reply:
        """Resume a paused expectation. Deadlines that have passed meanwhile are not judged."""
        return answer(ExpectationAnswer.of(expecting.resume(store, path.name), clock.now()))

    @routes.delete("/expectations/<name>", responses={204: None, **UNKNOWN})
    def delete_expectation(path: ExpectationPath) -> Reply:
        """Delete an expectation."""
        expecting.delete(store, path.name)
        return "", HTTPStatus.NO_CONTENT


def spec_of(starter: Starter, body: ExpectationBody) -> ExpectationSpec:
    """Turn a body into a specification, checked.

    Raises:
        InvalidInput: its deadlines cannot be read, or a receiver is not allowed.
    """
    zone = starter.settings.zone if body.zone is None else body.zone
    spec = ExpectationSpec(
        checked(body.cron, zone, clock.now()),
        body.expected,
        body.label,
        body.job,
        body.prefix,
        timedelta(seconds=body.within),
        # The task that announces has no steps, and is always done.
        Webhook(body.webhook, (State.DONE,)) if body.webhook is not None else None,
        Callback(body.callback, (State.DONE,)) if body.callback is not None else None,
    )
    starter.checker.check_receivers(spec.announcing())
    return spec
