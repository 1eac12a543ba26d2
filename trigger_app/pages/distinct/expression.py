"""The field for a set of users as an expression: how many, who, and what is wrong with it, at its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared import clock
from shared.activity import queries
from shared.activity.expressions import text
from shared.activity.site import Site
from shared.activity.users import User
from shared.errors import InvalidInput

FIRST = 20  # users that are named beside the result
PLACE = re.compile(r"text, character (\d+): ")


@dataclass(frozen=True, slots=True)
class Result:
    """How many users a set has, its canonical form, and the first of them."""

    count: int
    canonical: str
    users: list[User]
    more: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong, and the text before and from the place where it is; `character` counts from 1."""

    why: str
    character: int | None
    before: str
    behind: str


def result(site: Site, asked: str) -> Result | Refusal:
    """What an expression comes to, now."""
    try:
        expression, now = text.read(asked), clock.now()
        count, _ = queries.count(site, expression, now=now)
        page, _ = queries.members(site, expression, after=-1, limit=FIRST, now=now)
    except InvalidInput as error:
        return refusal(error.detail, asked)
    return Result(count, text.render(expression), page.users, page.next is not None and count > FIRST)


def refusal(detail: str, asked: str) -> Refusal:
    """The message without the excerpt in it: the whole text is shown beside it, with its place marked."""
    found = PLACE.match(detail)
    if not found:
        return Refusal(detail.removeprefix("text: "), None, asked, "")
    why, character = detail[found.end() :], int(found[1])
    if "<here>" in why:
        why = why.rpartition(": ")[0] or why
    return Refusal(why, character, asked[: character - 1], asked[character - 1 :])
