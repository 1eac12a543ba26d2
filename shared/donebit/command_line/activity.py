"""`visit` records visits of users, `count` counts distinct users."""

from __future__ import annotations

import re
from typing import Any

import click

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.options import as_json, at, examples, ids, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.formatting import count_of

DIGITS = re.compile(r"0|[1-9][0-9]*", re.ASCII)
MOST_DIGITS = 100  # Python reads 4300, and slowly; what is above 2^32-1, the service refuses
PERIODS = ["hour", "day", "week", "month", "all"]

VISIT_EXAMPLES = examples(
    "donebit visit login 7 8 8",
    "donebit visit login 7 --at 2026-11-20T13:30:00Z",
    "donebit visit signup ada@example.org 6f1c3a52-54f5-4a4e-9d2c-0a6ff1a6b8c1",
    "donebit visit badge 0042 --ids texts          an id of digits, taken as text",
)


@click.command(epilog=VISIT_EXAMPLES)
@click.argument("event")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@at
@ids("as integers if all are digits")
@as_json
@in_session
def visit(
    session: Session, *, event: str, users: tuple[str, ...], at: str | None, ids: str, as_json: bool
) -> None:
    """Record visits of users to EVENT, all at one time.

    A user is an integer below 2^32 or a text. An event holds one of the two, that of its first visit. Sending
    a visit twice counts it once. To load a file of visits, see `donebit load`.
    """
    body: dict[str, Any] = {"users": users_of(users, ids)} | ({} if at is None else {"at": at})
    if ids == "mapped":
        body["ids"] = ids
    made = session.distinct.ask("POST", f"/events/{segment(event)}", body)
    session.terminal.answer(made, recorded, as_json=as_json)


def recorded(answer: Answer) -> str:
    received, fresh = count_of(answer["received"], "visit"), count_of(answer["fresh"], "new user")
    return f"{received} of {answer['event']} at {answer['at']}, {fresh} that day"


def users_of(texts: tuple[str, ...], ids: str) -> list[int] | list[str]:
    """Return the arguments as one kind of user.

    Args:
        texts: The users as they were typed.
        ids: integers or mapped, texts, or auto: integers if all of them are digits.

    Raises:
        UsageError: `ids` is integers or mapped, and one of the users is not an integer. Or one has more
            digits than any integer user.
    """
    bad = [text for text in texts if not DIGITS.fullmatch(text)]
    if ids == "texts" or (ids == "auto" and bad):
        return list(texts)
    if bad:
        raise UsageError(f"user {bad[0]!r} is not an integer, as --ids {ids} requires")
    if long := [text for text in texts if len(text) > MOST_DIGITS]:
        raise UsageError(
            f"user {long[0][:MOST_DIGITS]}... has {len(long[0])} digits; --ids texts takes it as text"
        )
    return [int(text) for text in texts]


COUNT_EXAMPLES = examples(
    "donebit count login",
    "donebit count login --period day",
    "donebit count login --period week --at 2026-11-20",
    "donebit count login --period day --json | jq .count",
)


@click.command(epilog=COUNT_EXAMPLES)
@click.argument("event")
@click.option(
    "--period",
    type=click.Choice(PERIODS),
    default="all",
    show_default=True,
    help="The period that holds --at.",
)
@at
@as_json
@in_session
def count(session: Session, *, event: str, period: str, at: str | None, as_json: bool) -> None:
    """Count the distinct users of EVENT in a period, exactly."""
    if at is not None and period == "all":
        raise UsageError("--at needs a --period: hour, day, week or month")
    counted = session.distinct.get(f"/events/{segment(event)}/count", period=period, at=at)
    session.terminal.answer(counted, users_in_period, as_json=as_json)


def users_in_period(counted: Answer) -> str:
    users = f"{count_of(counted['count'], 'distinct user')} of {counted['event']}"
    if not counted["from"]:
        return f"{users} in all time"
    return f"{users} in the {counted['period']} from {counted['from']} to {counted['to']}"
