"""The routes that count, list and save the users of an expression."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_openapi3 import APIBlueprint

from distinct_app.models.flags import FlagPath
from distinct_app.models.queries import (
    ExpressionBody,
    ExpressionQuery,
    MembersOfQuery,
    PageQuery,
    QueryAnswer,
    QueryMembers,
    SavedAnswer,
)
from donebit import clock
from donebit.activity.query import as_json, run, text
from donebit.activity.query.tree import Expression
from donebit.activity.sets.members import MembersPage
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of expressions."""

    def count(expression: Expression) -> Reply:
        number, kind = answer_to(counted, site, expression, clock.now())
        return answer(QueryAnswer(count=number, **query_expression(expression, kind)))

    @routes.post("/query", responses={200: QueryAnswer})
    def post_query(body: ExpressionBody) -> Reply:
        """Count users of an expression that combines events and flags."""
        return count(expression_of_body(body))

    @routes.get("/query", responses={200: QueryAnswer})
    def get_query(query: ExpressionQuery) -> Reply:
        """Count users of a text expression."""
        return count(text.parse(query.text))

    add_members(routes, site)
    add_saving(routes, site)


def add_saving(routes: APIBlueprint, site: Site) -> None:
    """Add the route that saves a result as a flag."""

    @routes.put("/flags/<flag>", responses={200: SavedAnswer})
    def save_query(path: FlagPath, body: ExpressionBody) -> Reply:
        """Save the current users of an expression as a flag, replacing the flag's users."""
        expression = expression_of_body(body)
        number, resolved = run.save(site, path.flag, expression, now=clock.now())
        fields = query_expression(expression, resolved.kind)
        return answer(SavedAnswer(flag=path.flag, count=number, **fields))


def add_members(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that list users."""

    def members(expression: Expression, page: PageQuery) -> Reply:
        found, kind = answer_to(listed, site, expression, page.after, page.limit, clock.now())
        return answer(QueryMembers(users=found.users, next=found.next, **query_expression(expression, kind)))

    @routes.post("/query/members", responses={200: QueryMembers})
    def post_members(body: ExpressionBody, query: PageQuery) -> Reply:
        """List users of an expression, in pages."""
        return members(expression_of_body(body), query)

    @routes.get("/query/members", responses={200: QueryMembers})
    def get_members(query: MembersOfQuery) -> Reply:
        """List users of a text expression, in pages."""
        return members(text.parse(query.text), query)


def counted(site: Site, expression: Expression, now: datetime) -> tuple[int, UserKind | None]:
    """How many users an expression has, and of which kind."""
    number, resolved = run.count(site, expression, now=now)
    return number, resolved.kind


def listed(
    site: Site, expression: Expression, after: int, limit: int, now: datetime
) -> tuple[MembersPage, UserKind | None]:
    """Some users of an expression, and of which kind they are."""
    page, resolved = run.members(site, expression, after=after, limit=limit, now=now)
    return page, resolved.kind


def expression_of_body(body: ExpressionBody) -> Expression:
    """The expression of a body. Raises InvalidInput for none, or for both of its forms."""
    if (body.query is None) == (body.text is None):
        given = "neither is" if body.text is None else "both are"
        raise InvalidInput(f"query or text holds the expression, and {given} given", field="query")
    return as_json.parse(body.query) if body.text is None else text.parse(body.text)


def query_expression(expression: Expression, kind: UserKind | None) -> dict[str, Any]:
    """The fields in which an answer repeats its expression."""
    return {
        "kind": kind,
        "text": text.render(expression),
        "query": as_json.render(expression),
    }
