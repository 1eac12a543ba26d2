"""The users of a retention cell, of a part of a lifecycle bar, or of an expression, by pages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request

from donebit import clock
from donebit.activity.analytics import lifecycle, retention
from donebit.activity.analytics.lifecycle import UserState
from donebit.activity.analytics.retention import Cohort, Question
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.query import run, text
from donebit.activity.sets.members import MembersPage, page_of
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from trigger_app.pages.distinct.choice import asked_event

ON_A_PAGE = 100
LARGEST = 2**32


@dataclass(frozen=True, slots=True)
class NamedUsers:
    """A page of users, what they have in common in words, and the address of the next page."""

    what: str
    page: MembersPage
    following: str | None


def list_users(site: Site) -> NamedUsers:
    """List the users that the address asks for.

    Raises:
        InvalidInput: there is no such row, column or state, or the period or the expression is wrong.
    """
    after = number("after", -1)
    what, page = of_expression(site, after) if "text" in request.args else of_event(site, after)
    asked = {**request.args.to_dict(), "after": str(page.next)}
    return NamedUsers(what, page, f"?{urlencode(asked)}" if page.next is not None else None)


def of_expression(site: Site, after: int) -> tuple[str, MembersPage]:
    expression = text.parse(request.args["text"])
    page, _ = run.members(site, expression, after=after, limit=ON_A_PAGE, now=clock.now())
    return text.render(expression), page


def of_event(site: Site, after: int) -> tuple[str, MembersPage]:
    asked = retention.question(site, asked_event(site), None, Cohort.FIRST, clock.now())
    period = asked_period(site, asked)
    if state := request.args.get("state", ""):
        if state not in {*UserState}:
            raise InvalidInput(
                f"state is {state[:100]!r}; it must be one of {', '.join(UserState)}", field="state"
            )
        users, what = lifecycle.users(site, asked, period, UserState(state)), f"{state} in {period.name}"
    else:
        column = number("column", 0)
        users = retention.cell(asked, period, retention.column_of(site, asked, period, column))
        what = f"active in {period.granularity} {column} after first coming in {period.name}"
    return f"{asked.event.name}, {what}", page_of(site, asked.event.kind, users, after=after, limit=ON_A_PAGE)


def asked_period(site: Site, asked: Question) -> Period:
    """Return the day or week that the address names.

    Raises:
        InvalidInput: it is no day or week, is in the future, or is no longer kept.
    """
    name = request.args.get("period", "")
    period = site.calendar.named(name[:100], "period")
    if period.granularity not in (Granularity.DAY, Granularity.WEEK):
        raise InvalidInput(f"period is {name[:100]!r}; it must be a day or a week", field="period")
    retention.refuse_unbegun(period, asked.now, "period")
    retention.refuse_past(asked, period, "period")
    return period


def number(name: str, default: int) -> int:
    """Read an integer from the address.

    Args:
        name: of the query parameter
        default: its value when left out, and the least it may be

    Raises:
        InvalidInput: it is no integer, or out of range.
    """
    given = request.args.get(name, str(default))
    if not (given.removeprefix("-").isascii() and given.removeprefix("-").isdigit() and len(given) <= 10):
        raise InvalidInput(f"{name} is {given[:100]!r}; it must be an integer", field=name)
    if not default <= int(given) < LARGEST:
        raise InvalidInput(f"{name} is {given}; it must be {default} to {LARGEST - 1}", field=name)
    return int(given)
