"""What a form of a signed-in browser carries, so that no other page can send it."""

from __future__ import annotations

from flask import current_app
from markupsafe import Markup

from donebit.access.roles import Role
from donebit.web.access import access_of, current_caller
from donebit.web.origin import FORM_FIELD


def form_token() -> str:
    """The token of the session that asks for the page; empty where nobody has signed in."""
    caller = current_caller()
    if caller is None or caller.session is None:
        return ""
    return caller.session.form_token(access_of(current_app).session_key)


def form_field() -> Markup:
    """A hidden field with it, for a form that is sent by POST."""
    token = form_token()
    return (
        Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, token) if token else Markup()
    )


def roles() -> str:
    """The roles that the visitor has, with spaces between them: the page hides what needs another one."""
    caller = current_caller()
    return " ".join(role for role in Role if caller is None or caller.role.covers(role))
