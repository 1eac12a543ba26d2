"""`query` counts or lists the users of a set expression, or saves them as a flag."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.cells import cell_len

from donebit.command_line.exit_codes import RequestRefused, UsageError
from donebit.command_line.options import as_json, confirmed, examples, in_session, yes
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.formatting import count_of
from donebit.utf8 import one_line

LARGEST_PAGE = 10_000
PLACE = re.compile(r"text, character (\d+): ")  # how distinct_app begins a message about an expression
MARGIN = 2

QUERY_EXAMPLES = examples(
    'donebit query "active@2026-11-20 & active@2026-11-21"     here on both days',
    "donebit query 'signup@7d - flag:staff'                    names may contain -, so space the minus",
    "donebit query '(login@today | read@today) & !buy'         quotes keep ! and & from the shell",
    "donebit query signup@2026-11 and not login@7d             or use words",
    "donebit query 'login@2026-W47' --members --all > users.txt",
    "donebit query 'login@30d - login@7d' --save drifting     and later: flag:drifting",
)


@click.command(short_help="Count or list the users of a combination of events and flags.",
               epilog=QUERY_EXAMPLES)  # fmt: skip
@click.argument("expression", nargs=-1, required=True, metavar="EXPRESSION")
@click.option("--members", is_flag=True, help="List the users, one per line.")
@click.option(
    "--limit",
    type=click.IntRange(1, LARGEST_PAGE),
    help="With --members: users per page.  [default: 100]",
)
@click.option("--after", type=click.IntRange(0), metavar="NEXT",
              help="With --members: continue from here, as the last page says.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="With --members: all pages.")
@click.option("--save", metavar="FLAG", help="Save the users as a flag, replacing its present users.")
@yes
@as_json
@in_session
def query(session: Session, /, *, expression: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Count the distinct users of a set, exactly.

    EXPRESSION combines events and flags with & (and), | (or), - (minus), ^ (xor), ! (not) and parentheses:

    \b
      login                      users who ever visited login
      login@2026-11-21           on that day; also an hour 2026-11-21T03, a week
                                 2026-W47, a month 2026-11, today, yesterday
      login@7d                   in the last 7 days, including today
      login@2026-11-01..2026-11-15   from the first day to before the second
      flag:staff                 users with the flag
    """
    text = " ".join(expression)
    refuse_mixed(asked)
    try:
        if asked["save"] is not None:
            save(session, text, asked["save"], sure=asked["yes"], as_json=as_json)
        elif asked["members"]:
            list_members(session, text, asked, as_json=as_json)
        else:
            count_members(session, text, as_json=as_json)
    except RequestRefused as error:
        raise with_position(error, text, session.terminal.err.width) from None


def refuse_mixed(asked: Mapping[str, Any]) -> None:
    """Raise UsageError for options that do not go together."""
    if asked["members"] and asked["save"] is not None:
        raise UsageError("--members and --save cannot be combined")
    if not asked["members"] and (asked["every"] or asked["limit"] or asked["after"] is not None):
        raise UsageError("--limit, --after and --all need --members")


def count_members(session: Session, text: str, *, as_json: bool) -> None:
    counted = session.distinct.ask("POST", "/query", {"text": text})
    session.terminal.answer(counted, users_of_set, as_json=as_json)
    note_if_unseen(session, counted, as_json=as_json)


def users_of_set(counted: Answer) -> str:
    return f"{count_of(counted['count'], 'distinct user')} of {one_line(counted['text'])}"


def note_if_unseen(session: Session, answer: Answer, *, as_json: bool) -> None:
    if answer["kind"] is None and not as_json:
        session.terminal.note("none of these events and flags exists")


def list_members(session: Session, text: str, asked: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a user per line, or with --json a page per line, and a note if there may be more."""
    page: Answer = {}
    for page in pages(session, text, asked):
        if as_json:
            session.terminal.as_json(page)
        else:
            session.terminal.lines(one_line(str(user)) for user in page["users"])
    note_if_unseen(session, page, as_json=as_json)
    if page["next"] is not None and not as_json:
        session.terminal.note(f"more users: --after {page['next']}")


def pages(session: Session, text: str, asked: Mapping[str, Any]) -> Iterator[Answer]:
    limit = asked["limit"] or (LARGEST_PAGE if asked["every"] else 100)
    after = asked["after"]
    while True:
        place = {"after": after, "limit": limit}
        page = session.distinct.ask("POST", "/query/members", {"text": text}, query=place)
        yield page
        after = page["next"]
        if after is None or not asked["every"]:
            return


def save(session: Session, text: str, flag: str, *, sure: bool, as_json: bool) -> None:
    """Save the users as a flag; ask first if that replaces others."""
    path = f"/flags/{segment(flag)}"
    held = session.distinct.get(f"{path}/count")["count"]
    question = f"Flag {flag} has {count_of(held, 'user')}. Replace them?"
    if not confirmed(session, question, sure=sure or not held):
        return
    saved = session.distinct.ask("PUT", path, {"text": text})
    session.terminal.answer(saved, lambda it: f"flag {flag} is {users_of_set(it)}", as_json=as_json)
    note_if_unseen(session, saved, as_json=as_json)


def with_position(error: RequestRefused, expression: str, width: int) -> RequestRefused:
    """Return the error with the position in the expression marked, if the service names it."""
    place = PLACE.match(error.detail)
    if not place:
        return error
    return RequestRefused(f"{error.detail}\n{marked(expression, int(place[1]), width)}", error.status)


def marked(expression: str, character: int, width: int) -> str:
    """Return the line of the expression with the character, counted from 1, and a ^ below it.

    If the line is wider than the terminal, it is cut to the part around the character.
    """
    before, after = expression[: character - 1], expression[character - 1 :]
    begin = one_line(before.rpartition("\n")[2])
    line, at = begin + one_line(after.partition("\n")[0]), len(begin)
    room = width - 2 * MARGIN
    start = max(0, min(at - room // 2, len(line) - room))
    shown = line[start : start + room]
    return f"{' ' * MARGIN}{shown}\n{' ' * (MARGIN + cell_len(line[start:at]))}^"
