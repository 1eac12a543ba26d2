"""The command `load`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from donebit.command_line.exit_codes import Exit, UsageError
from donebit.command_line.load.reading import Columns
from donebit.command_line.load.running import LoadOptions, LoadOutcome, run
from donebit.command_line.load.state import SUFFIX
from donebit.command_line.options import NamedPath, as_json, examples, ids, in_session
from donebit.command_line.session import Session
from donebit.errors import InvalidInput
from donebit.formatting import count_of, number
from donebit.moments import TimeUnit
from donebit.names import checked_name

LOAD_EXAMPLES = examples(
    "donebit load visits.csv --event login           columns user and at",
    "donebit load visits.csv                         columns user, at and event",
    "donebit load hits.csv --event read --user-column uid --at-column time --delimiter ';'",
    "donebit load mixpanel.ndjson.gz --user-column properties.distinct_id --at-column properties.time "
    "--time-unit s --map-event 'Sign up=signup'",
    "zcat visits.*.gz | donebit load - --event login",
    "donebit load signups.ndjson --event signup --skip-bad --json | jq .fresh",
)


@click.command(epilog=LOAD_EXAMPLES)
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path)
)
@click.option("--event", help="The event of all visits, instead of a column.")
@click.option("--at", metavar="TIME", help="The time of all visits, instead of a column.")
@click.option(
    "--user-column",
    multiple=True,
    default=["user"],
    show_default=True,
    metavar="NAME",
    help="Column of the user; given more than once, the first that holds something.",
)
@click.option("--at-column", default="at", show_default=True, metavar="NAME", help="Column of the time.")
@click.option(
    "--event-column", default="event", show_default=True, metavar="NAME", help="Column of the event."
)
@click.option(
    "--map-event",
    "names",
    multiple=True,
    metavar="OLD=NEW",
    callback=lambda _, __, pairs: event_names(pairs),
    help="What the file calls OLD is the event NEW; may be given more than once.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "csv", "ndjson"]),
    default="auto",
    show_default=True,
    help="auto: by the file's extension, else by how it begins.",
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
@click.option("--state", "state_path", type=NamedPath(dir_okay=False, path_type=Path), metavar="PATH",
              help=f"Where progress is stored.  [default: FILE{SUFFIX}]")  # fmt: skip
@as_json
@in_session
def load(session: Session, /, *, file: Path, as_json: bool, **asked: Any) -> Exit:
    """Load a FILE of visits, CSV or NDJSON, of any size; - is standard input.

    It may be compressed with gzip, bzip2 or xz, and UTF-8, UTF-16 or UTF-32. `properties.time` names a field
    of a nested object. If it is interrupted, by Ctrl-C, a crash or an unavailable service, the same command
    continues where it stopped. Visits that are sent twice count once.

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


def event_names(pairs: Iterable[str]) -> dict[str, str]:
    """Return the events' names by what the file calls them.

    Raises:
        UsageError: A pair is not OLD=NEW, NEW is no name, or OLD is given twice.
    """
    names: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.rpartition("=")  # no name has one, but OLD may
        if not equals or not old or old in names:
            raise UsageError(f"--map-event is {pair!r}; it must be OLD=NEW, and each OLD once")
        try:
            names[old] = checked_name(new, "--map-event")
        except InvalidInput as error:
            raise UsageError(error.detail) from None
    return names


def summary(outcome: LoadOutcome) -> str:
    loaded = outcome.loaded
    least = "" if loaded.is_fresh_exact else "at least "
    skipped = f", {count_of(loaded.skipped, 'line')} skipped" if loaded.skipped else ""
    return (
        f"{count_of(loaded.received, 'visit')} loaded from {outcome.title}{skipped}: {least}"
        f"{count_of(loaded.fresh, 'new daily user')}, {number(outcome.visits_per_second)} visits/s"
    )
