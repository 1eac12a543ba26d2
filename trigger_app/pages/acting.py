"""Acts on the tasks that were selected in the lists, after it has shown what would be done to them."""

from __future__ import annotations

import secrets

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit.access.roles import Role
from donebit.completion import bulk
from donebit.completion.bulk import MAX_AT_ONCE, Action
from donebit.errors import InvalidInput
from donebit.names import checked_name
from donebit.web.access import refuse_below
from donebit.web.acting import Acted, Actor
from trigger_app.pages.view import PageContext

# What is done to a task, and what was done to some.
WORDS = {
    Action.PAUSE: ("Pause", "paused"),
    Action.RESUME: ("Resume", "resumed"),
    Action.RERUN: ("Run again", "run again"),
    Action.CANCEL: ("Cancel", "cancelled"),
    Action.DELETE: ("Delete", "deleted"),
}
GRAVE = (Action.CANCEL, Action.DELETE)  # what cannot be taken back, or stops work


def add_routes(routes: Blueprint, context: PageContext) -> None:
    """Add the address that the selection is sent to, and sent to again once confirmed."""
    actor = Actor(context.store, context.publisher, context.settings)

    @routes.post("/act")
    def act() -> ResponseReturnValue:
        action, ids = action_asked(), ids_asked()
        if action is Action.DELETE:
            refuse_below(Role.ADMIN, "deleting tasks")
        found = bulk.select_by_ids(context.store, action, ids)
        once = request.form.get("once")
        if once is None:
            done = Acted([task.id for task in found.tasks], [], found.skipped)
            once = secrets.token_hex(16)  # a form that is sent twice acts once
            return render_template("act.html", here="/", **words(action), asked=done, once=once)
        done = actor.act_on_all(action, found, checked_name(once, "once"))
        return render_template("act.html", here="/", **words(action), done=done)


def words(action: Action) -> dict[str, object]:
    title, past = WORDS[action]
    return {"action": action, "title": title, "past": past, "grave": action in GRAVE}


def action_asked() -> Action:
    """Read the action from the form.

    Raises:
        InvalidInput: it is none.
    """
    asked = request.form.get("action", "")
    if asked not in {*Action}:
        raise InvalidInput(f"action is {asked[:100]!r}; it must be {', '.join(Action)}", field="action")
    return Action(asked)


def ids_asked() -> list[str]:
    """Read the selected tasks' ids from the form.

    Raises:
        InvalidInput: there are none or too many, or one is no id.
    """
    ids = [checked_name(one, "ids") for one in request.form.getlist("ids")]
    if not 1 <= len(ids) <= MAX_AT_ONCE:
        raise InvalidInput(f"{len(ids)} tasks are selected; it must be 1 to {MAX_AT_ONCE}", field="ids")
    return ids
