"""How far a chord is, at the same cost for ten parts and ten million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from celery import current_app
from celery.result import GroupResult, ResultBase

from donebit.celery.backend import DonebitBackend
from donebit.completion.chords import task_id_of
from donebit.errors import NotFound


@dataclass(frozen=True, slots=True)
class ChordProgress:
    """A chord at one moment.

    Attributes:
        task_id: of its task: `GET /tasks/{task_id}/missing` names the parts that have not reported
        count: how many parts it has; before the end of a generator one more than were seen
        done: how many have succeeded
        failed: how many have not
        state: running, done, failed or cancelled
        sealed: whether the count is final, but for `add_to_chord`
        called: whether its body was called, or its errbacks
    """

    task_id: str
    count: int
    done: int
    failed: int
    state: str
    sealed: bool
    called: bool

    @property
    def fraction(self) -> float:
        """How much of it has ended, from 0 to 1."""
        return (self.done + self.failed) / self.count if self.count else 1.0


def progress(result: ResultBase | str) -> ChordProgress:
    """How far a chord is.

    Args:
        result: what applying the chord returned, its header's GroupResult, or the id of that group

    Raises:
        NotFound: it is no chord that Donebit counts, or it has expired.
    """
    for backend, group_id in _groups(result):
        if found := backend.chords.record(group_id):
            return _of_record(task_id_of(group_id), found)
    raise NotFound(f"{result} is no chord that Donebit counts, or it has expired")


def _groups(result: ResultBase | str) -> Iterator[tuple[DonebitBackend, str]]:
    """The groups that may be the chord's header, nearest first."""
    if isinstance(result, str):
        yield _donebit(current_app.backend), result
        return
    found: ResultBase | None = result
    while found is not None:
        if isinstance(found, GroupResult):
            yield _donebit(found.backend if found.results else found.app.backend), str(found.id)
        found = found.parent


def _donebit(backend: object) -> DonebitBackend:
    if isinstance(backend, DonebitBackend):
        return backend
    raise NotFound("the application's result_backend is not donebit+redis://")


def _of_record(task_id: str, record: dict[str, str]) -> ChordProgress:
    count, left, failed = (int(record[name]) for name in ("count", "left", "failed"))
    return ChordProgress(
        task_id=task_id,
        count=count,
        done=count - left - failed,
        failed=failed,
        state=record["state"],
        sealed="size" in record,
        called="called_at" in record,
    )
