"""Runs a load: from its options to its outcome."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from rich.progress import TextColumn

from donebit import clock
from donebit.command_line.exit_codes import ServiceUnavailable, UsageError
from donebit.command_line.load.batch import LoadContext
from donebit.command_line.load.loading import Loading, ProgressWatcher
from donebit.command_line.load.reading import Columns, CsvRows, NdjsonRows, Rows
from donebit.command_line.load.sending import RETRIES, sender
from donebit.command_line.load.state import SUFFIX, Identity, LoadState, Progress
from donebit.command_line.load.users import BadValue, KindOfUsers
from donebit.command_line.progress_bars import bar
from donebit.command_line.service import ServiceClient, segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import count_of
from donebit.errors import InvalidInput
from donebit.formatting import number
from donebit.moments import TimeUnit
from donebit.names import checked_name

NDJSON = (".ndjson", ".jsonl", ".json")
HALF_A_YEAR = timedelta(days=182)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of the command."""

    file: Path
    columns: Columns
    form: str  # auto, csv or ndjson
    delimiter: str
    ids: str
    unit: TimeUnit | None
    skip_bad: bool
    most_visits: int
    restart: bool
    state_path: Path | None

    @property
    def state(self) -> Path:
        return self.state_path or self.file.with_name(self.file.name + SUFFIX)

    def meaning(self, address: str) -> dict[str, Any]:
        """Return the options that must be the same for a load to be continued."""
        read = {"form": self.form, "delimiter": self.delimiter, "ids": self.ids, "unit": self.unit}
        return {**read, "to": address, **asdict(self.columns)}


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """The result of a load, earlier runs that it continued included."""

    file: Path
    loaded: Progress
    received_before: int
    seconds: float

    @property
    def visits_per_second(self) -> int:
        """The rate of this run alone."""
        return round((self.loaded.received - self.received_before) / self.seconds)

    def to_answer(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "received": self.loaded.received,
            "received_before": self.received_before,
            "fresh": self.loaded.fresh,
            "fresh_is_exact": self.loaded.is_fresh_exact,
            "skipped": self.loaded.skipped,
            "seconds": round(self.seconds, 3),
            "visits_per_second": self.visits_per_second,
        }


def run(session: Session, asked: LoadOptions) -> LoadOutcome:
    """Load the file, from where the run before stopped.

    Raises:
        UsageError: The options, the file's first line or the stored progress are wrong.
        OperationFailed: A line is invalid and may not be skipped.
        RequestRefused: distinct_app refuses the visits.
        ServiceUnavailable: distinct_app cannot be reached.
    """
    started, distinct = time.monotonic(), session.retrying_distinct(RETRIES)
    # Cached: a file may begin with a million lines that are no visits, and decide nothing.
    known = LoadContext(KindOfUsers(asked.ids, cache(partial(held_kind, distinct))), asked.unit)
    check_options(asked, known)
    known.grain_minutes = grain_minutes(session.distinct)
    state = LoadState(asked.state, Identity.of(asked.file, asked.meaning(distinct.address)))
    loaded = (None if asked.restart else state.read()) or Progress()
    before = loaded.received
    with asked.file.open("rb") as opened:
        rows = rows_of(opened, asked)
        resume_at(session, rows, known, loaded)
        with (
            sender(distinct) as sends,
            progress_shown(session, asked.file, loaded.offset) as moved,
            interruptible() as is_stopped,
        ):
            watcher = ProgressWatcher(session.terminal.note, moved, is_stopped)
            most, skips = asked.most_visits, asked.skip_bad
            loading = Loading(
                rows, known, sends, state, loaded, most_visits=most, skips_bad=skips, watcher=watcher
            )
            run_loading(session, loading)
    state.forget()
    return LoadOutcome(asked.file, loading.progress, before, time.monotonic() - started)


def check_options(asked: LoadOptions, known: LoadContext) -> None:
    """Check the options that concern every line.

    Raises:
        UsageError: The delimiter, the event or the time is invalid.
    """
    if len(asked.delimiter) != 1 or asked.delimiter in '\r\n"':
        raise UsageError(f"--delimiter is {asked.delimiter!r}; it must be one character other than a quote")
    try:
        if asked.columns.every_event is not None:
            checked_name(asked.columns.every_event, "--event")
        if asked.columns.every_at is not None:
            known.moment(asked.columns.every_at)
    except InvalidInput as error:
        raise UsageError(error.detail) from None
    except BadValue as error:
        raise UsageError(f"--{error}") from None


def grain_minutes(distinct: ServiceClient) -> int:
    """Return how many minutes of visits may be sent under one time: 60, or 15.

    Where the site's zone is off by half an hour, perhaps for a part of the year, days begin within an hour.
    """
    for before in (timedelta(0), HALF_A_YEAR):
        day = distinct.get("/events/load/count", period="day", at=clock.iso(clock.now() - before))
        if datetime.fromisoformat(day["from"]).minute:
            return 15
    return 60


def held_kind(distinct: ServiceClient, event: str) -> str | None:
    """Return integers, mapped or texts, whichever users an event holds; None for one without a visit."""
    kind: str | None = distinct.get(f"/events/{segment(event)}")["kind"]
    return kind


def rows_of(opened: BinaryIO, asked: LoadOptions) -> Rows:
    is_ndjson = asked.file.suffix.lower() in NDJSON if asked.form == "auto" else asked.form == "ndjson"
    return NdjsonRows(opened, asked.columns) if is_ndjson else CsvRows(opened, asked.columns, asked.delimiter)


def resume_at(session: Session, rows: Rows, known: LoadContext, loaded: Progress) -> None:
    """Move the rows to where the run before stopped."""
    if not loaded.offset:
        loaded.offset, loaded.line = rows.first_offset, rows.first_number
    else:
        session.terminal.note(
            f"resuming after line {number(loaded.line)}: {count_of(loaded.received, 'visit')} already loaded"
        )
    known.users.known.update(loaded.kinds)
    rows.lines.go_to(loaded.offset, loaded.line)


def run_loading(session: Session, loading: Loading) -> None:
    """Run it; if it is interrupted, say how to continue."""
    try:
        loading.run()
    except KeyboardInterrupt:
        session.terminal.note(
            f"stopped after line {number(loading.progress.line)}; run the same command again to continue"
        )
        raise
    except ServiceUnavailable as error:
        line = number(loading.progress.line)
        raise ServiceUnavailable(
            f"{error.detail}. Loaded up to line {line}; run the same command again to continue"
        ) from None


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C was pressed. A second Ctrl-C interrupts at once."""
    pressed: list[int] = []

    def on_interrupt(number: int, _: FrameType | None) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as a shell sets it for background jobs
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_shown(session: Session, file: Path, start: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of the file's bytes; gives the function that moves it."""
    console, began = session.terminal.err, time.monotonic()
    rate_column = TextColumn("{task.fields[rate]}", style="cyan")
    with bar(console, unless_narrow=[rate_column]) as progress:
        shown = progress.add_task(file.name, total=file.stat().st_size, completed=start, rate="")

        def moved(offset: int, lines: int) -> None:
            rate = lines / max(time.monotonic() - began, 1e-3)
            progress.update(shown, completed=offset, rate=f"{number(round(rate))} lines/s")

        yield moved
