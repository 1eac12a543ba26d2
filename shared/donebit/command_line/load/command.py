"""`load`: the command itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from donebit.command_line.load.reading import Columns
from donebit.command_line.load.running import LoadOptions, LoadOutcome, run
from donebit.command_line.load.state import SUFFIX
from donebit.command_line.options import as_json, examples, ids, in_session
from donebit.command_line.session import Session
from donebit.command_line.terminal import count_of
from donebit.formatting import number

LOAD_EXAMPLES = examples(
    "donebit load visits.csv --event login           columns user and at",
    "donebit load visits.csv                         columns user, at and event",
    "donebit load hits.csv --event read --user-column uid --at-column time --delimiter ';'",
    "donebit load signups.ndjson --event signup --skip-bad --json | jq .fresh",
)


@click.command(epilog=LOAD_EXAMPLES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--event", help="The event of all of them, in place of a column.")
@click.option("--at", metavar="TIME", help="The time of all of them, in place of a column.")
@click.option("--user-column", default="user", show_default=True, metavar="NAME")
@click.option("--at-column", default="at", show_default=True, metavar="NAME")
@click.option("--event-column", default="event", show_default=True, metavar="NAME")
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "csv", "ndjson"]),
    default="auto",
    show_default=True,
    help="auto: by the file's name.",
)
@click.option(
    "--delimiter", default=",", show_default=True, metavar="CHARACTER", help="What parts columns of CSV."
)
@ids
@click.option("--skip-bad", is_flag=True, help="Leave out lines that are no visits, and tell of them.")
@click.option(
    "--batch",
    "most_visits",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    metavar="VISITS",
    help="How many are held in memory, sent, and noted at once.",
)
@click.option("--restart", is_flag=True, help="Begin anew, whatever was loaded before.")
@click.option("--state", "state_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
              help=f"Where it is noted how far it came; FILE{SUFFIX} if left out.")  # fmt: skip
@as_json
@in_session
def load(session: Session, /, *, file: Path, as_json: bool, **asked: Any) -> None:
    """Load a FILE of visits, CSV or NDJSON, of any size.

    It may be stopped, killed, or lose the service: the same command again goes on where it was. What was sent
    twice by that is counted once.

    A CSV file names its columns in its first line. Times are ISO 8601, and UTC unless they say otherwise.
    """
    columns = Columns(
        asked.pop("user_column"),
        asked.pop("at_column"),
        asked.pop("event_column"),
        asked.pop("event"),
        asked.pop("at"),
    )
    outcome = run(session, LoadOptions(file, columns, **asked))
    if as_json:
        session.terminal.as_json(outcome.told())
    else:
        session.terminal.say(sentence(outcome))


def sentence(outcome: LoadOutcome) -> str:
    loaded = outcome.loaded
    least = "" if loaded.is_fresh_exact else "at least "
    skipped = f", {count_of(loaded.skipped, 'line')} skipped" if loaded.skipped else ""
    return (
        f"{count_of(loaded.received, 'visit')} of {outcome.file.name} loaded{skipped}: {least}"
        f"{count_of(loaded.fresh, 'new user')} of a day, {number(outcome.visits_per_second)} visits/s"
    )
