"""The query field: how many users an expression has, who they are, or where its mistake is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from donebit import clock
from donebit.activity.query import run, text
from donebit.activity.query.resolve import Resolved, resolve
from donebit.activity.query.tree import Expression, ExpressionError, leaves_of
from donebit.activity.sets.density import Outline, outlines
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput

FIRST = 20  # users that are named beside the result
MOST_DRAWN = 5  # events and flags of an expression, each in a colour of its own


class Strip(NamedTuple):
    """The bitmap of one event or flag, or of the result, over the ids of a segment."""

    name: str
    users: int
    shades: str  # one byte per cell, base64


class Segment(NamedTuple):
    start: int
    last: int
    strips: list[Strip]  # of the parts, as they are written; the result last


@dataclass(frozen=True, slots=True)
class Result:
    """The users of an expression: their number, the first of them, and the bitmaps of its parts."""

    count: int
    canonical: str
    users: list[User]
    more: bool
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong with an expression.

    `character` is its place, counted from 1; `before` and `after` are the text up to there and from there on.
    """

    why: str
    character: int | None
    before: str
    after: str


def result(site: Site, asked: str) -> Result | Refusal:
    """Evaluate an expression now, or say what is wrong with it."""
    try:
        expression, now = text.parse(asked), clock.now()
        count, resolved = run.count(site, expression, now=now)
        page, _ = run.members(site, expression, after=-1, limit=FIRST, now=now)
        drawn = segments(site, expression, resolved, now)
    except ExpressionError as error:
        return refusal(error, asked)
    except InvalidInput as error:
        return Refusal(error.detail, None, asked, "")
    return Result(count, text.render(expression), page.users, count > len(page.users), drawn)


def segments(site: Site, expression: Expression, whole: Resolved, now: datetime) -> list[Segment]:
    """Return the bitmaps of the parts and the result by segment; none if there are too many parts."""
    parts = {text.render(leaf): leaf for leaf in leaves_of(expression)}
    if len(parts) > MOST_DRAWN:
        return []
    drawn = [resolve(site, leaf, now).users for leaf in parts.values()]
    names = [*parts, "result"]
    return [segment_of(one, names) for one in outlines(site.store, [*drawn, whole.users])]


def segment_of(one: Outline, names: list[str]) -> Segment:
    shades = [base64.b64encode(shade).decode() for shade in one.shades]
    strips = list(map(Strip, names, one.users, shades))
    return Segment(one.start, one.stop - 1, strips)


def refusal(error: ExpressionError, asked: str) -> Refusal:
    """Describe a mistake without its excerpt: the page shows the whole text with the place marked."""
    if not error.place.character:
        return Refusal(error.why, None, asked, "")
    at = error.place.character - 1
    return Refusal(error.why, error.place.character, asked[:at], asked[at:])
