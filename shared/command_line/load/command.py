"""`load`: the command itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from shared import clock
from shared.command_line.ends import Misused, Unavailable
from shared.command_line.load.batch import Understanding
from shared.command_line.load.loading import Loading
from shared.command_line.load.reading import Columns, CsvRows, NdjsonRows, Rows
from shared.command_line.load.sending import RETRIES, sender
from shared.command_line.load.state import SUFFIX, Identity, State
from shared.command_line.load.state import Progress as Loaded
from shared.command_line.options import as_json, examples, ids, in_session
from shared.command_line.service import Service
from shared.command_line.session import Session
from shared.command_line.terminal import count_of, number
from shared.command_line.watching import NARROW, WIDE, LeftColumn

NDJSON = (".ndjson", ".jsonl", ".json")
HALF_A_YEAR = timedelta(days=182)

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
@click.option("--restart", is_flag=True, help="Begin anew, whatever was loaded before.")
@click.option("--state", "state_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
              help=f"Where it is noted how far it came; FILE{SUFFIX} if left out.")  # fmt: skip
@as_json
@in_session
def load(session: Session, /, *, file: Path, **asked: Any) -> None:
    """Load a FILE of visits, CSV or NDJSON, of any size.

    It may be stopped, killed, or lose the service: the same command again goes on where it was. What was sent
    twice by that is counted once.

    A CSV file names its columns in its first line. Times are ISO 8601, and UTC unless they say otherwise.
    """
    started = time.monotonic()
    columns = Columns(
        asked["user_column"], asked["at_column"], asked["event_column"], asked["event"], asked["at"]
    )
    restart, skips_bad, as_json = asked.pop("restart"), asked.pop("skip_bad"), asked.pop("as_json")
    state_path = asked.pop("state_path") or file.with_name(file.name + SUFFIX)
    distinct = session.patient_distinct(RETRIES)
    known = Understanding(asked["ids"], grain_minutes(session.distinct))
    state = State(state_path, Identity.of(file, {**asked, "to": distinct.address}))
    loaded = (None if restart else state.read()) or Loaded()
    before = loaded.received
    with file.open("rb") as opened:
        rows = rows_of(opened, file, columns, asked["form"], asked["delimiter"])
        at_start = go_on(session, rows, known, loaded)
        with sender(distinct) as sends, moving(session, file, at_start) as moved:
            loading = Loading(
                rows,
                known,
                sends,
                state,
                loaded,
                skips_bad=skips_bad,
                note=session.terminal.note,
                moved=moved,
            )
            carry_out(session, loading)
    state.forget()
    seconds = time.monotonic() - started
    tell(session, file, loading.progress, before, seconds, as_json=as_json)


def grain_minutes(distinct: Service) -> int:
    """How long visits may be taken together: an hour, unless days begin in the midst of one there.

    The place of the services may have a zone of half hours, or have them for a part of the year.
    """
    for before in (timedelta(0), HALF_A_YEAR):
        day = distinct.get("/events/load/count", period="day", at=clock.iso(clock.now() - before))
        if datetime.fromisoformat(day["from"]).minute:
            return 15
    return 60


def rows_of(opened: BinaryIO, file: Path, columns: Columns, form: str, delimiter: str) -> Rows:
    if form == "ndjson" or (form == "auto" and file.suffix.lower() in NDJSON):
        return NdjsonRows(opened, columns)
    if len(delimiter) != 1:
        raise Misused(f"--delimiter is {delimiter!r}; it must be one character")
    return CsvRows(opened, columns, delimiter)


def go_on(session: Session, rows: Rows, known: Understanding, loaded: Loaded) -> int:
    """Have the rows stand where the load before came to; the offset."""
    if not loaded.offset:
        loaded.offset, loaded.line = rows.begins_at, rows.begins_after
    else:
        session.terminal.note(
            f"going on after line {number(loaded.line)}: {count_of(loaded.received, 'visit')} before it"
        )
    known.kinds.update(loaded.kinds)
    rows.lines.go_to(loaded.offset, loaded.line)
    return loaded.offset


def carry_out(session: Session, loading: Loading) -> None:
    """Run it; if it is stopped, by a person or an outage, say how it goes on."""
    try:
        loading.run()
    except KeyboardInterrupt:
        loading.settle()
        session.terminal.note(
            f"stopped after line {number(loading.progress.line)}; the same command goes on there"
        )
        raise
    except Unavailable as error:
        line = number(loading.progress.line)
        raise Unavailable(
            f"{error.detail}. Loaded up to line {line}; the same command goes on there"
        ) from None


@contextmanager
def moving(session: Session, file: Path, start: int) -> Iterator[Any]:
    """A bar of the file's bytes; gives what moves it."""
    console, began = session.terminal.err, time.monotonic()
    columns = [TextColumn("{task.description}", markup=False), BarColumn(None), TaskProgressColumn()]
    columns += [TextColumn("{task.fields[rate]}", style="cyan")] if console.width >= NARROW else []
    columns += [LeftColumn(compact=True)] if console.width >= WIDE else []
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal, expand=True
    ) as bar:
        shown = bar.add_task(file.name, total=file.stat().st_size, completed=start, rate="")

        def moved(offset: int, lines: int) -> None:
            rate = lines / max(time.monotonic() - began, 1e-3)
            bar.update(shown, completed=offset, rate=f"{number(round(rate))} lines/s")

        yield moved


def tell(session: Session, file: Path, loaded: Loaded, before: int, seconds: float, *, as_json: bool) -> None:
    rate = (loaded.received - before) / seconds
    if as_json:
        session.terminal.as_json(
            {
                "file": str(file),
                "received": loaded.received,
                "received_before": before,
                "fresh": loaded.fresh,
                "fresh_is_exact": loaded.is_fresh_exact,
                "skipped": loaded.skipped,
                "seconds": round(seconds, 3),
                "visits_per_second": round(rate),
            }
        )
        return
    least = "" if loaded.is_fresh_exact else "at least "
    skipped = f", {count_of(loaded.skipped, 'line')} skipped" if loaded.skipped else ""
    session.terminal.say(
        f"{count_of(loaded.received, 'visit')} of {file.name} loaded{skipped}: {least}"
        f"{number(loaded.fresh)} new users of a day ({number(round(rate))} visits/s)"
    )
