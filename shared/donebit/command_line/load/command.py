"""The command `load`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from donebit.command_line.exit_codes import Exit
from donebit.command_line.load.reading import Columns
from donebit.command_line.load.running import LoadOptions, LoadOutcome, run
from donebit.command_line.load.state import SUFFIX
from donebit.command_line.options import as_json, examples, ids, in_session
from donebit.command_line.session import Session
from donebit.command_line.terminal import count_of
from donebit.formatting import number
from donebit.moments import TimeUnit

LOAD_EXAMPLES = examples(
    "donebit load visits.csv --event login           columns user and at",
    "donebit load visits.csv                         columns user, at and event",
    "donebit load hits.csv --event read --user-column uid --at-column time --delimiter ';'",
    "donebit load signups.ndjson --event signup --skip-bad --json | jq .fresh",
)


@click.command(epilog=LOAD_EXAMPLES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--event", help="The event of all visits, instead of a column.")
@click.option("--at", metavar="TIME", help="The time of all visits, instead of a column.")
@click.option("--user-column", default="user", show_default=True, metavar="NAME", help="Column of the user.")
@click.option("--at-column", default="at", show_default=True, metavar="NAME", help="Column of the time.")
@click.option(
    "--event-column", default="event", show_default=True, metavar="NAME", help="Column of the event."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "csv", "ndjson"]),
    default="auto",
    show_default=True,
    help="auto: by the file's extension.",
)
@click.option(
    "--delimiter", default=",", show_default=True, metavar="CHARACTER", help="Separates the columns of CSV."
)
@ids("as the event holds them, and those of a new one as integers if its first is one")
@click.option(
    "--time-unit",
    "unit",
    type=click.Choice([unit.value for unit in TimeUnit]),
    callback=lambda _, __, unit: TimeUnit(unit) if unit else None,
    help="Times are numbers of these since 1970.  [default: they are ISO 8601]",
)
@click.option(
    "--skip-bad", is_flag=True, help="Skip and report invalid lines instead of stopping; exit code 5."
)
@click.option(
    "--batch",
    "most_visits",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    metavar="VISITS",
    help="Visits per batch: held in memory, sent, and recorded as loaded together.",
)
@click.option("--restart", is_flag=True, help="Start from the beginning, ignoring earlier progress.")
@click.option("--state", "state_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
              help=f"Where progress is stored.  [default: FILE{SUFFIX}]")  # fmt: skip
@as_json
@in_session
def load(session: Session, /, *, file: Path, as_json: bool, **asked: Any) -> Exit:
    """Load a FILE of visits, CSV or NDJSON, of any size.

    If it is interrupted, by Ctrl-C, a crash or an unavailable service, the same command continues where it
    stopped. Visits that are sent twice count once.

    The first line of a CSV file names its columns. Times are ISO 8601, and UTC unless they have an offset; a
    date alone is a day of the site's zone.
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
        session.terminal.as_json(outcome.to_answer())
    else:
        session.terminal.say(summary(outcome))
    return Exit.SKIPPED if outcome.loaded.skipped else Exit.OK


def summary(outcome: LoadOutcome) -> str:
    loaded = outcome.loaded
    least = "" if loaded.is_fresh_exact else "at least "
    skipped = f", {count_of(loaded.skipped, 'line')} skipped" if loaded.skipped else ""
    return (
        f"{count_of(loaded.received, 'visit')} loaded from {outcome.file.name}{skipped}: {least}"
        f"{count_of(loaded.fresh, 'new daily user')}, {number(outcome.visits_per_second)} visits/s"
    )
