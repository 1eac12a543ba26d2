"""One run of a load: reads, sends a batch while the next is read, and notes how far all of it came."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from donebit.command_line.exit_codes import OperationFailed, RequestRefused
from donebit.command_line.load.batch import BadValue, Group, PendingBatch, Understanding
from donebit.command_line.load.reading import Bad, Rows
from donebit.command_line.load.sending import BatchSender
from donebit.command_line.load.state import LoadState, Progress
from donebit.command_line.terminal import count_of

MOST_BYTES = 32 << 20  # of a batch; it, and the one being sent, are all that is in memory
LOOK_EVERY = 1000  # rows
BAD_SHOWN = 10


@dataclass(slots=True)
class Pending:
    """A batch that is being sent, and how far the file is done with when all of it has arrived."""

    sending: dict[Future[tuple[int, int]], Group]
    after: Progress


@dataclass(frozen=True, slots=True)
class ProgressWatcher:
    """Who looks on, and may stop it."""

    note: Callable[[str], None]  # told of bad lines, of the first ones at least
    moved: Callable[
        [int, int], None
    ]  # told of the bytes of the file, and the lines of this run, that were read
    is_stopped: Callable[[], bool]  # whether to stop as soon as what was read has arrived


class Loading:
    """Loads rows, from wherever they stand, to the end."""

    def __init__(
        self,
        rows: Rows,
        known: Understanding,
        sender: BatchSender,
        state: LoadState,
        progress: Progress,
        *,
        most_visits: int,
        skips_bad: bool,
        watcher: ProgressWatcher,
    ) -> None:
        """
        Args:
            progress: where the rows stand; it moves on as they are sent
            most_visits: of a batch, or few more
        """
        self._rows, self._known, self._sender, self._state = rows, known, sender, state
        self.progress = progress
        self._most_visits, self._skips_bad = most_visits, skips_bad
        self._watcher = watcher
        self._skipped = progress.skipped  # of what was read, not only of what was sent
        self._bad_shown = 0
        self._first_line = progress.line
        self._pending: Pending | None = None
        self._batch = PendingBatch(known)

    def run(self) -> None:
        """
        Raises:
            Failed: a line is no visit, and none may be skipped; all before it is loaded.
            Refused: distinct_app does not take it.
            Unavailable: distinct_app is away, or a way to it.
            KeyboardInterrupt: it was stopped; all that was read is loaded.
        """
        lines = self._rows.lines
        offset, number = lines.offset, lines.number
        for index, row in enumerate(self._rows):
            try:
                if isinstance(row, Bad):
                    raise BadValue(row.detail)
                if row is not None:
                    self._batch.add(row, number + 1)
            except BadValue as error:
                self._bad(f"line {number + 1}: {error}", offset, number)
            offset, number = lines.offset, lines.number
            if not index % LOOK_EVERY:
                self._look(offset, number)
        self._send(lines.offset, lines.number)
        self.settle()

    def settle(self) -> None:
        """Wait for what is being sent, and note that nothing is any more."""
        self._wait()
        self._state.write(self.progress, sending=False)

    def _wait(self) -> None:
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        sent = self._sender.end(pending.sending, self._refused)
        self._skipped += sent.refused
        self.progress = replace(
            pending.after,
            received=self.progress.received + sent.received,
            fresh=self.progress.fresh + sent.fresh,
            skipped=pending.after.skipped + sent.refused,
        )

    def _look(self, offset: int, number: int) -> None:
        self._watcher.moved(offset, number - self._first_line)
        if self._watcher.is_stopped():
            self._send(offset, number)
            self.settle()
            raise KeyboardInterrupt
        start = self._pending.after.offset if self._pending else self.progress.offset
        if self._batch.visits >= self._most_visits or offset - start >= MOST_BYTES:
            self._send(offset, number)

    def _send(self, offset: int, number: int) -> None:
        self._wait()
        after = replace(
            self.progress, offset=offset, line=number, skipped=self._skipped, kinds=dict(self._known.kinds)
        )
        self._state.write(self.progress, sending=True)
        self._pending = Pending(self._sender.begin(self._batch), after)
        self._batch = PendingBatch(self._known)

    def _bad(self, detail: str, offset: int, number: int) -> None:
        """A line is no visit."""
        if not self._skips_bad:
            self._send(offset, number)
            self.settle()
            raise OperationFailed(f"{detail}. All before it is loaded; --skip-bad leaves such lines out")
        self._skipped += 1
        self._show(detail)

    def _refused(self, group: Group, error: RequestRefused) -> None:
        """distinct_app does not take the visits of a group."""
        first = f"line {group.first_line}: {error.detail}"
        if not self._skips_bad:
            raise RequestRefused(f"{first}; --skip-bad leaves such lines out", error.status)
        self._show(f"{first} ({count_of(len(group.users), 'visit')} of that event and hour)")

    def _show(self, detail: str) -> None:
        self._bad_shown += 1
        if self._bad_shown <= BAD_SHOWN:
            self._watcher.note(f"skipped {detail}")
        if self._bad_shown == BAD_SHOWN:
            self._watcher.note("further bad lines are counted and not shown")
