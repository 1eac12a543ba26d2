"""Questions about any set of users: how many, who, and to be kept as a flag."""

from __future__ import annotations

from datetime import datetime

from shared.activity import sets
from shared.activity.expressions.resolving import Resolved, resolve
from shared.activity.expressions.tree import Expression
from shared.activity.members import Page, page_of
from shared.activity.site import Site


def count(site: Site, expression: Expression, *, now: datetime) -> tuple[int, Resolved]:
    """How many users a set has, and what they are.

    Raises:
        InvalidInput: kinds are mixed, a period is no longer kept, or too many bitmaps are to be read.
    """
    resolved = resolve(site, expression, now)
    return sets.count(site.store, resolved.users), resolved


def members(
    site: Site, expression: Expression, *, after: int, limit: int, now: datetime
) -> tuple[Page, Resolved]:
    """Who they are, in the order of their ids; texts in that of their numbers. Raises as `count` does."""
    resolved = resolve(site, expression, now)
    return page_of(site, resolved.kind, resolved.users, after=after, limit=limit), resolved
