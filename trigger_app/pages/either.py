"""The answer of an address that is the API's and a page's: each gets it in its own form."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template
from pydantic import BaseModel

from donebit.web.answers import answer
from trigger_app.pages.problems import wants_page


def either(model: BaseModel, template: str, **more: Any) -> Response:
    """Answer a browser with a page, and everybody else with JSON.

    Args:
        model: the answer as JSON; its fields are variables of the page
        template: of the page
        more: further variables of the page
    """
    if wants_page():
        shown = render_template(template, **dict(model), **more)
        reply = Response(shown, content_type="text/html; charset=utf-8")
    else:
        reply = answer(model)
    reply.vary.add("Accept")  # a cache must not give one of them the other's
    return reply
