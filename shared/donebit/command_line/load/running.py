"""Runs a load: from its options to its outcome."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.progress import TextColumn

from donebit.command_line.exit_codes import ServiceUnavailable, UsageError
from donebit.command_line.load.batch import LoadContext
from donebit.command_line.load.loading import Loading, ProgressWatcher
from donebit.command_line.load.reading import Columns, CsvRows, NdjsonRows, Rows, looks_like_ndjson
from donebit.command_line.load.sending import RETRIES, sender
from donebit.command_line.load.source import (
    STANDARD_INPUT,
    DamagedFile,
    Source,
    is_plain_file,
    opened,
    source_of,
)
from donebit.command_line.load.state import SUFFIX, Identity, LoadState, NoState, Progress
from donebit.command_line.load.users import BadValue, KindOfUsers
from donebit.command_line.progress_bars import bar
from donebit.command_line.service import ServiceClient, segment
from donebit.command_line.session import Session
from donebit.errors import InvalidInput
from donebit.formatting import count_of, number
from donebit.moments import TimeUnit
from donebit.names import checked_name

NDJSON, CSV = (".ndjson", ".jsonl", ".json"), (".csv", ".tsv")
COMPRESSED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of the command."""

    file: Path
    columns: Columns
    form: str  # auto, csv or ndjson
    delimiter: str
    ids: str
    unit: TimeUnit | None
    names: Mapping[str, str]  # of events, by what the file calls them
    skip_bad: bool
    most_visits: int
    restart: bool
    state_path: Path | None

    @property
    def can_continue(self) -> bool:
        return is_plain_file(self.file)

    @property
    def title(self) -> str:
        return "standard input" if self.file == STANDARD_INPUT else self.file.name

    def state(self, address: str) -> LoadState:
        """Return where progress is stored; nowhere for a pipe.

        Raises:
            UsageError: A place is given for the progress of a pipe.
        """
        if self.can_continue:
            place = self.state_path or self.file.with_name(self.file.name + SUFFIX)
            return LoadState(place, Identity.of(self.file, self.meaning(address)))
        if self.state_path is not None:
            raise UsageError(f"--state needs a file: {self.title} cannot be read again from the middle")
        return NoState()

    def meaning(self, address: str) -> dict[str, Any]:
        """Return the options that must be the same for a load to be continued."""
        read = {"form": self.form, "delimiter": self.delimiter, "ids": self.ids, "unit": self.unit}
        columns = asdict(self.columns) | {"user": list(self.columns.user)}  # as JSON has it
        return {**read, "names": dict(self.names), "to": address, **columns}


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """The result of a load, earlier runs that it continued included."""

    file: Path
    title: str
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
    users = KindOfUsers(asked.ids, cache(partial(held_kind, distinct)))
    known = LoadContext(users, asked.unit, names=asked.names)
    check_options(asked, known)
    known.zone = zone_of(distinct)
    state = asked.state(distinct.address)
    loaded = (None if asked.restart else state.read()) or Progress()
    before = loaded.received
    with opened(asked.file) as file:
        rows = rows_of(file, asked)
        resume_at(session, rows, known, loaded)
        with (
            sender(distinct) as sends,
            progress_shown(session, asked, file) as moved,
            interruptible() as is_stopped,
        ):
            watcher = ProgressWatcher(session.terminal.note, moved, is_stopped)
            most, skips = asked.most_visits, asked.skip_bad
            loading = Loading(
                rows, known, sends, state, loaded, most_visits=most, skips_bad=skips, watcher=watcher
            )
            run_loading(session, loading, asked)
    state.forget()
    return LoadOutcome(asked.file, asked.title, loading.progress, before, time.monotonic() - started)


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


def zone_of(distinct: ServiceClient) -> ZoneInfo | None:
    """Return the zone in which the site's days begin; None if this machine does not know it."""
    try:
        return ZoneInfo(distinct.get("/events/load/summary")["zone"])
    except ZoneInfoNotFoundError:
        return None


def held_kind(distinct: ServiceClient, event: str) -> str | None:
    """Return integers, mapped or texts, whichever users an event holds; None for one without a visit."""
    kind: str | None = distinct.get(f"/events/{segment(event)}")["kind"]
    return kind


def rows_of(file: BinaryIO, asked: LoadOptions) -> Rows:
    """Return the rows of the file. Raises UsageError for a file of another kind, or that cannot be read."""
    try:
        source = source_of(file, asked.file)
        if is_ndjson(source, asked):
            return NdjsonRows(source, asked.columns)
        return CsvRows(source, asked.columns, asked.delimiter)
    except DamagedFile as error:
        raise UsageError(f"{asked.title} cannot be read: {error}") from None


def is_ndjson(source: Source, asked: LoadOptions) -> bool:
    """Return whether the file is NDJSON: by the option, else by its name, else by how it begins."""
    if asked.form != "auto":
        return asked.form == "ndjson"
    suffixes = [suffix for one in asked.file.suffixes if (suffix := one.lower()) not in COMPRESSED]
    if suffixes and suffixes[-1] in NDJSON + CSV:
        return suffixes[-1] in NDJSON
    return looks_like_ndjson(source)


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


def run_loading(session: Session, loading: Loading, asked: LoadOptions) -> None:
    """Run it; if it is interrupted, say how to continue."""
    again = " to continue" if asked.can_continue else ", which starts from the beginning"
    try:
        loading.run()
    except KeyboardInterrupt:
        line = number(loading.progress.line)
        session.terminal.note(f"stopped after line {line}; run the same command again{again}")
        raise
    except ServiceUnavailable as error:
        line = number(loading.progress.line)
        raise ServiceUnavailable(
            f"{error.detail}. Loaded up to line {line}; run the same command again{again}"
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
def progress_shown(session: Session, asked: LoadOptions, file: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show a bar of the file's bytes; gives the function that moves it."""
    console, began = session.terminal.err, time.monotonic()
    rate_column = TextColumn("{task.fields[rate]}", style="cyan")
    total = asked.file.stat().st_size if asked.can_continue else None
    with bar(console, unless_narrow=[rate_column]) as progress:
        shown = progress.add_task(
            asked.title, total=total, completed=0 if total is None else file.tell(), rate=""
        )

        def moved(lines: int) -> None:
            rate = f"{number(round(lines / max(time.monotonic() - began, 1e-3)))} lines/s"
            # What was read of the file itself, which may be compressed.
            progress.update(shown, completed=None if total is None else file.tell(), rate=rate)

        yield moved
