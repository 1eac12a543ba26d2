"""The loop of a load: read a batch while the one before is sent, and store the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from donebit.command_line.exit_codes import OperationFailed, RequestRefused
from donebit.command_line.load.batch import Group, LoadContext, PendingBatch
from donebit.command_line.load.reading import BadLine, Rows
from donebit.command_line.load.sending import BatchSender, Sending, arrived
from donebit.command_line.load.source import DamagedFile
from donebit.command_line.load.state import LoadState, Progress
from donebit.command_line.load.users import BadValue
from donebit.formatting import count_of

LARGEST_BATCH_BYTES = 32 << 20  # of a batch; this one and the one being sent are in memory
CHECK_EVERY_ROWS = 1000  # rows
BAD_LINES_SHOWN = 10


@dataclass(slots=True)
class Pending:
    """A batch that is being sent, and the progress once all of it has arrived."""

    sending: Sending
    after: Progress


@dataclass(frozen=True, slots=True)
class ProgressWatcher:
    """Callbacks that show a load's progress, and may stop it."""

    note: Callable[[str], None]  # called with a message for each of the first bad lines
    moved: Callable[[int], None]  # called with the lines of this run that were read so far
    is_stopped: Callable[[], bool]  # true: send what is read, then stop


class Loading:
    """Loads rows, from their present position to the end."""

    def __init__(
        self,
        rows: Rows,
        known: LoadContext,
        sender: BatchSender,
        state: LoadState,
        progress: Progress,
        *,
        most_visits: int,
        skips_bad: bool,
        watcher: ProgressWatcher,
    ) -> None:
        """Prepare to load; `run` does it.

        Args:
            rows: The file's rows, at the position that `progress` names.
            known: How users and times are read.
            sender: Sends the batches.
            state: Where progress is stored.
            progress: What is loaded so far; it grows as batches arrive.
            most_visits: The size of a batch, which may have few more.
            skips_bad: Skip bad lines instead of stopping at the first.
            watcher: Is called as the load proceeds.
        """
        self._rows, self._known, self._sender, self._state = rows, known, sender, state
        self.progress = progress
        self._most_visits, self._skips_bad = most_visits, skips_bad
        self._watcher = watcher
        self._skipped = progress.skipped  # among the lines read, not only those sent
        self._bad_lines_shown = 0
        self._first_line = progress.line
        self._pending: Pending | None = None
        self._batch = PendingBatch(known)

    def run(self) -> None:
        """Load to the end of the file.

        Raises:
            OperationFailed: A line is invalid and may not be skipped, or the rest of the file cannot be read;
                all lines before it are loaded. Or the progress cannot be stored any more.
            RequestRefused: distinct_app refuses the visits.
            ServiceUnavailable: distinct_app cannot be reached.
            KeyboardInterrupt: The user stopped it; all that was read is loaded.
        """
        lines = self._rows.lines
        try:
            self._read()
        except DamagedFile as error:
            self._send(lines.offset, lines.number)
            self.settle()
            raise OperationFailed(
                f"after line {lines.number} the file cannot be read: {error}. All lines before are loaded"
            ) from None
        self._send(lines.offset, lines.number)
        self.settle()

    def _read(self) -> None:
        lines = self._rows.lines
        offset, number = lines.offset, lines.number
        for index, row in enumerate(self._rows):
            try:
                if isinstance(row, BadLine):
                    raise BadValue(row.detail)
                if row is not None:
                    self._batch.add(row, number + 1)
            except BadValue as error:
                self._bad(str(error), offset, number)
            offset, number = lines.offset, lines.number
            if not index % CHECK_EVERY_ROWS:
                self._check_progress(offset, number)

    def settle(self) -> None:
        """Wait until what is being sent has arrived, and store that."""
        self._wait()
        self._store(sending=False)

    def _wait(self) -> None:
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        try:
            sent = self._sender.end(pending.sending, self._refused)
        except RequestRefused:
            if not self.progress.received and not arrived(pending.sending):
                self._state.forget()
            raise
        self._skipped += sent.refused
        self.progress = replace(
            pending.after,
            received=self.progress.received + sent.received,
            fresh=self.progress.fresh + sent.fresh,
            skipped=pending.after.skipped + sent.refused,
            is_fresh_exact=self.progress.is_fresh_exact and self._sender.is_fresh_exact,
        )

    def _store(self, *, sending: bool) -> None:
        """Store the progress, but none before a visit was sent: it would be in the way of other options."""
        if sending or self.progress.received:
            self._state.write(self.progress, sending=sending)
        else:
            self._state.forget()

    def _check_progress(self, offset: int, number: int) -> None:
        self._watcher.moved(number - self._first_line)
        if self._watcher.is_stopped():
            self._send(offset, number)
            self.settle()
            raise KeyboardInterrupt
        start = self._pending.after.offset if self._pending else self.progress.offset
        if self._batch.visits >= self._most_visits or offset - start >= LARGEST_BATCH_BYTES:
            self._send(offset, number)

    def _send(self, offset: int, number: int) -> None:
        self._wait()
        after = replace(
            self.progress,
            offset=offset,
            line=number,
            skipped=self._skipped,
            kinds=dict(self._known.users.known),
        )
        self._store(sending=bool(self._batch.visits))
        self._pending = Pending(self._sender.begin(self._batch), after)
        self._batch = PendingBatch(self._known)

    def _bad(self, why: str, offset: int, number: int) -> None:
        """Skip and report what is not a visit, or stop there: a line, or several that a quote joins."""
        last = self._rows.lines.number
        lines = f"line {last}" if last <= number + 1 else f"lines {number + 1} to {last}"
        if not self._skips_bad:
            self._send(offset, number)
            self.settle()
            before = "it" if last <= number + 1 else "them"
            raise OperationFailed(
                f"{lines}: {why}. All lines before {before} are loaded; --skip-bad skips invalid lines"
            )
        self._skipped += last - number
        self._show(f"{lines}: {why}")

    def _refused(self, group: Group, error: RequestRefused, visits: int) -> None:
        """Skip and report visits that distinct_app refuses, or stop there."""
        first = f"line {group.first_line}: {error.detail}"
        if not self._skips_bad:
            raise RequestRefused(f"{first}; --skip-bad skips invalid lines", error.status)
        self._show(f"{first} ({count_of(visits, 'visit')} of this event and hour)")

    def _show(self, detail: str) -> None:
        self._bad_lines_shown += 1
        if self._bad_lines_shown <= BAD_LINES_SHOWN:
            self._watcher.note(f"skipped {detail}")
        if self._bad_lines_shown == BAD_LINES_SHOWN:
            self._watcher.note("further invalid lines are counted but not shown")
