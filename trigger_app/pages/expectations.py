"""The expectations on the page of schedules: the form that makes one, and the buttons that each has."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from donebit.errors import InvalidInput
from donebit.schedules import expecting
from trigger_app.expectations.models import ExpectationBody
from trigger_app.expectations.views import spec_of
from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import PageContext, redirect_to

PAGE = "/schedule#expectations-title"
FIELDS = ("cron", "zone", "expected", "label", "job", "prefix", "webhook", "callback")
MINUTE_SECONDS = 60


def add_routes(routes: Blueprint, context: PageContext) -> None:
    """Add the addresses that the form and the buttons are sent to."""

    def said(name: str, what: str) -> ResponseReturnValue:
        return redirect_to(PAGE) if wants_page() else {"detail": f"Expectation {name} {what}."}

    @routes.post("/expectation")
    def make_expectation() -> ResponseReturnValue:
        name = request.form.get("name", "").strip()
        saved = expecting.put(context.store, name, spec_of(context.starter, body_asked()))
        return said(name, "is created" if saved.fresh else "is changed")

    @routes.post("/expectation/<name>/pause")
    def pause_expectation(name: str) -> ResponseReturnValue:
        expecting.pause(context.store, name)
        return said(name, "is paused")

    @routes.post("/expectation/<name>/resume")
    def resume_expectation(name: str) -> ResponseReturnValue:
        expecting.resume(context.store, name)
        return said(name, "is judged again")

    @routes.post("/expectation/<name>/delete")
    def delete_expectation(name: str) -> ResponseReturnValue:
        expecting.delete(context.store, name)
        return said(name, "is deleted")


def body_asked() -> ExpectationBody:
    """Read an expectation from the form.

    Raises:
        InvalidInput: the number of minutes is none.
    """
    sent = {field: text for field in FIELDS if (text := request.form.get(field, "").strip())}
    return ExpectationBody.model_validate({"cron": "", **sent, "within": minutes_asked() * MINUTE_SECONDS})


def minutes_asked() -> int:
    asked = request.form.get("within", "").strip()
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 5):
        raise InvalidInput(f"within is {asked[:100]!r}; it must be a number of minutes", field="within")
    return int(asked)
