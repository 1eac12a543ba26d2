"""`take-back`: removes the visits of days that were loaded by mistake."""

from __future__ import annotations

import click

from donebit.command_line.options import as_json, confirmed, examples, in_session, yes
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.formatting import count_of, number


@click.command(
    "take-back",
    short_help="Take back the visits of days loaded by mistake.",
    epilog=examples(
        "donebit take-back login 2026-11-20 2026-11-21        a single day",
        "donebit take-back --yes login 2026-11-16 2026-11-23  a week",
    ),
)
@click.argument("event")
@click.argument("start", metavar="FROM")
@click.argument("stop", metavar="TO")
@yes
@as_json
@in_session
def take_back(session: Session, *, event: str, start: str, stop: str, yes: bool, as_json: bool) -> None:
    """Take back all visits to EVENT of the days from FROM up to, and without, TO.

    A user stays in a week, a month and all time where other data prove that they were there. What would be
    removed is counted first. It is refused, and nothing changes, where no data can prove the result.
    """
    path, days = f"/events/{segment(event)}/visits", {"from": start, "to": stop}
    counted = session.distinct.ask("GET", path, query=days)
    if not confirmed(session, f"Take back {removal(counted)}? This can't be undone.", sure=yes):
        return
    made = session.distinct.ask("DELETE", path, query=days)
    session.terminal.answer(made, lambda it: f"took back {removal(it)}", as_json=as_json)


def removal(answer: Answer) -> str:
    """What is removed, in words."""
    lost = answer["removed"]
    return (
        f"{count_of(answer['visits'], 'visit')} of {count_of(answer['users'], 'user')} to {answer['event']} "
        f"in {count_of(answer['days'], 'day')}: {number(lost['week'])} fewer in weeks, "
        f"{number(lost['month'])} in months, {number(lost['all'])} ever"
    )
