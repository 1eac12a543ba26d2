"""`query`: how many users a set has, who they are, and the set kept as a flag."""

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
from donebit.command_line.terminal import count_of, one_line, printable

LARGEST_PAGE = 10_000
PLACE = re.compile(r"text, character (\d+): ")  # how distinct_app begins a sentence about an expression
MARGIN = 2

QUERY_EXAMPLES = examples(
    'donebit query "active@2026-11-20 & active@2026-11-21"     here on both days',
    "donebit query 'signup@7d - flag:staff'                    names may hold a -: spaces around a minus",
    "donebit query '(login@today | read@today) & !buy'         ' keeps ! and & from the shell",
    "donebit query signup@2026-11 and not login@7d             so do words",
    "donebit query 'login@2026-W47' --members --all > users.txt",
    "donebit query 'login@30d - login@7d' --save drifting     and later: flag:drifting",
)


@click.command(short_help="Count the users of a set: events in periods, and flags, combined.",
               epilog=QUERY_EXAMPLES)  # fmt: skip
@click.argument("expression", nargs=-1, required=True, metavar="EXPRESSION")
@click.option("--members", is_flag=True, help="Who they are, a user a line, in pages.")
@click.option(
    "--limit",
    type=click.IntRange(1, LARGEST_PAGE),
    help="With --members: how many.  [default: 100]",
)
@click.option("--after", type=click.IntRange(0), metavar="NEXT",
              help="With --members: go on from here, as the page before says.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="With --members: every page.")
@click.option("--save", metavar="FLAG", help="Let a flag be these users as they are now, and nobody else's.")
@yes
@as_json
@in_session
def query(session: Session, /, *, expression: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Count the distinct users of a set, exactly.

    EXPRESSION combines events and flags by & (and), | (or), - (minus), ^ (xor), ! (not) and parentheses:

    \b
      login                      whoever login ever saw
      login@2026-11-21           in that day; an hour 2026-11-21T03, a week 2026-W47,
                                 a month 2026-11, today, yesterday
      login@7d                   in the last 7 days, today among them
      login@2026-11-01..2026-11-15   from one day to before another
      flag:staff                 whoever has the flag
    """
    text = " ".join(expression)
    refuse_mixed(asked)
    try:
        if asked["save"]:
            save(session, text, asked["save"], sure=asked["yes"], as_json=as_json)
        elif asked["members"]:
            list_members(session, text, asked, as_json=as_json)
        else:
            count_members(session, text, as_json=as_json)
    except RequestRefused as error:
        raise pointing(error, text, session.terminal.err.width) from None


def refuse_mixed(asked: Mapping[str, Any]) -> None:
    """Raises Misused for options that say nothing together."""
    if asked["members"] and asked["save"]:
        raise UsageError("query either lists --members, or saves them with --save")
    if not asked["members"] and (asked["every"] or asked["limit"] or asked["after"] is not None):
        raise UsageError("--limit, --after and --all say which --members are listed")


def count_members(session: Session, text: str, *, as_json: bool) -> None:
    counted = session.distinct.ask("POST", "/query", {"text": text})
    session.terminal.answer(counted, users_of_set, as_json=as_json)
    note_if_unseen(session, counted, as_json=as_json)


def users_of_set(counted: Answer) -> str:
    return f"{count_of(counted['count'], 'distinct user')} of {printable(counted['text'])}"


def note_if_unseen(session: Session, answer: Answer, *, as_json: bool) -> None:
    if answer["kind"] is None and not as_json:
        session.terminal.note("none of these events and flags was ever seen")


def list_members(session: Session, text: str, asked: Mapping[str, Any], *, as_json: bool) -> None:
    """A user a line; as JSON a page a line. Where there may be more, it says how to go on."""
    page: Answer = {}
    for page in pages(session, text, asked):
        if as_json:
            session.terminal.as_json(page)
        else:
            session.terminal.lines(one_line(user) for user in page["users"])
    note_if_unseen(session, page, as_json=as_json)
    if page["next"] is not None and not as_json:
        session.terminal.note(f"there may be more: --after {page['next']}")


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
    """Asks first where the flag has users, for they lose it."""
    path = f"/flags/{segment(flag)}"
    held = session.distinct.get(f"{path}/count")["count"]
    question = f"Flag {flag} has {count_of(held, 'user')}. Replace them?"
    if not confirmed(session, question, sure=sure or not held):
        return
    saved = session.distinct.ask("PUT", path, {"text": text})
    session.terminal.answer(saved, lambda it: f"flag {flag} is {users_of_set(it)}", as_json=as_json)
    note_if_unseen(session, saved, as_json=as_json)


def pointing(error: RequestRefused, expression: str, width: int) -> RequestRefused:
    """The same, with the place in the expression marked, if the service tells it."""
    place = PLACE.match(error.detail)
    if not place:
        return error
    return RequestRefused(f"{error.detail}\n{marked(expression, int(place[1]), width)}", error.status)


def marked(expression: str, character: int, width: int) -> str:
    """The line of the expression with that character, counted from 1, and a ^ below it.

    Of a line wider than the terminal it is the part around the character.
    """
    before, behind = expression[: character - 1], expression[character - 1 :]
    line = printable(before.rpartition("\n")[2] + behind.partition("\n")[0])
    at = len(before.rpartition("\n")[2])
    room = width - 2 * MARGIN
    start = max(0, min(at - room // 2, len(line) - room))
    shown = line[start : start + room]
    return f"{' ' * MARGIN}{shown}\n{' ' * (MARGIN + cell_len(line[start:at]))}^"
