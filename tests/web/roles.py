"""The routes of the three services with what they ask of a caller, as docs/security.md lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask

from donebit.access.roles import Narrow, Need, Open, Role
from donebit.web.access import access_of

# What an address of a route is filled with, to be asked for.
PARTS = {
    "<path:filename>": "none.css",
    "<any(cancel, delete, extend):action>": "cancel",
    "<n>": "0",
    "<kind>": "webhook",
}
AUTOMATIC = {"HEAD", "OPTIONS"}


class Route(NamedTuple):
    """One route and a method of it."""

    service: str
    method: str
    rule: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def address(self) -> str:
        """Its rule with something in place of each part."""
        filled = self.rule.replace("?userId", "?userId=7")
        for part, text in PARTS.items():
            filled = filled.replace(part, text)
        while "<" in filled:
            start, end = filled.index("<"), filled.index(">")
            filled = f"{filled[:start]}some{filled[end + 1 :]}"
        return filled


def routes_of(app: Flask) -> Iterator[Route]:
    """Every method of every route there is, and those that a parameter of the query makes another one."""
    service = app.name.removesuffix("_app")
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - AUTOMATIC):
            yield Route(service, method, rule.rule)
    for declared in access_of(app).needs:
        if "?" in declared:
            yield Route(service, *declared.split(" ", 1))


def need_of(app: Flask, route: Route) -> Need | None:
    return access_of(app).needs.get(route.name)


def role_of(need: Need | None) -> Role | None:
    """The role that a token needs; None where that is not the question."""
    if need is Narrow.TASK:
        return Role.REPORT
    return need if isinstance(need, Role) else None


def table(app: Flask) -> str:
    """The routes of a service by what they ask, in Markdown."""
    rows = sorted(routes_of(app), key=lambda one: (one.rule, one.method))
    lines = ["| route | needs |", "|---|---|"]
    return "\n".join(
        lines + [f"| `{row.method} {row.rule}` | {described(need_of(app, row))} |" for row in rows]
    )


def described(need: Need | None) -> str:
    if need is Open.ANYONE:
        return "nothing"
    if need is Narrow.TASK:
        return "`report`, or the task's own token"
    return "`read`, or leads to the sign-in" if need is Open.PAGE else f"`{need}`"
