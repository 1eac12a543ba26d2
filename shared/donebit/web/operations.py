"""What each operation of a service takes, by its OpenAPI document; a request with anything else is refused.

In one place for every route: a misspelled or misplaced restriction (`DELETE /flags/f?user=1`) that is
ignored makes a request do more than was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from flask import request
from flask_openapi3 import OpenAPI

from donebit import wording
from donebit.errors import InvalidInput
from donebit.web.whole_body import has_body, set_body_types

CONVERTER = re.compile(r"<(?:[^:<>]*:)?([^<>]*)>")  # of a Flask rule: "<int:n>"
HEALTH = "/health"  # probes of load balancers and the like put something of their own into its query


class Operation(NamedTuple):
    """What one operation takes."""

    query: frozenset[str]  # names of query parameters
    body_types: frozenset[str]  # media types of its body; none if it takes no body


Operations = Mapping[tuple[str, str], Operation]  # by method and path, as in the document


def register(app: OpenAPI) -> None:
    """Refuse every request with a query parameter or a body that its operation does not take.

    Pages are in no document: what they do not know is ignored.
    """
    known: dict[tuple[str, str], Operation] = {}

    @app.before_request
    def check() -> None:
        if not known:  # the routes are complete only when the first request comes
            known.update(operations(app))
        if request.url_rule is None:
            return
        method = "GET" if request.method == "HEAD" else request.method
        if operation := known.get((method, CONVERTER.sub(r"{\1}", request.url_rule.rule))):
            refuse_unknown(operation)


def operations(app: OpenAPI) -> Operations:
    """Read what each operation takes from the OpenAPI document of a service."""
    return {
        (method.upper(), path): Operation(
            frozenset(one["name"] for one in described.get("parameters", ()) if one["in"] == "query"),
            frozenset(described.get("requestBody", {}).get("content", ())),
        )
        for path, methods in app.api_doc["paths"].items()
        for method, described in methods.items()
    }


def refuse_unknown(operation: Operation) -> None:
    """Refuse the current request if it has more than its operation takes.

    Raises:
        InvalidInput: it has a query parameter that is unknown or given twice, or a body.
    """
    set_body_types(operation.body_types)
    if not request.path.startswith(HEALTH):
        refuse_parameters(operation.query)
    if not operation.body_types and has_body(request):
        asked = f"{request.method} {request.path[: wording.LONGEST_QUOTE]}"
        raise InvalidInput(f"{asked} takes no body, and this request has one", field="body")


def refuse_parameters(known: frozenset[str]) -> None:
    """Refuse parameters of the query that are not known, and those given more than once.

    Raises:
        InvalidInput: there are such; it names them.
    """
    given = request.args
    if unknown := [name[: wording.LONGEST_QUOTE] for name in given if name not in known]:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise InvalidInput(
            f"unknown query parameter: {', '.join(unknown[:10])}; {takes}", field=unknown[0] or "query"
        )
    for name, values in given.lists():
        if len(values) > 1:
            raise InvalidInput(f"{name} is given {len(values)} times; once is enough", field=name)
