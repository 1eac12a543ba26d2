"""Celery's Redis backend, which subscribes to the parts of a chord only when somebody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from celery.backends.redis import RedisBackend
from celery.result import AsyncResult, ResultBase, ResultSet


class _Sending(threading.local):
    """The ids of the parts that this thread sends, until the last of them."""

    parts: frozenset[str] = frozenset()


class LateSubscriber(RedisBackend):
    """Celery subscribes to each task as it is sent, and to each of a group twice.

    For the parts of a chord that is a channel and a message a part, which hardly any program reads.
    """

    _sending = _Sending()

    def begin_header(self, results: Iterable[ResultBase]) -> None:
        """Leave out these parts, which this thread is about to send."""
        self._sending.parts = frozenset(str(one.id) for one in _tasks_of(results))

    def end_header(self) -> None:
        """Go on as Celery does: all parts are sent but the last one."""
        self._sending.parts = frozenset()

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Subscribe to the result of a task that is sent, unless it is a part."""
        if task_id not in self._sending.parts:
            super().on_task_call(producer, task_id)

    def add_pending_result(self, result: Any, *args: Any, **kwargs: Any) -> Any:
        """Take up a result that may be waited for, unless it is that of a part which is being sent."""
        return (
            result
            if result.id in self._sending.parts
            else super().add_pending_result(result, *args, **kwargs)
        )

    def _wait_for_pending(self, result: Any, **kwargs: Any) -> Any:
        """Wait for a result, or for all of a group, whose parts are taken up by now."""
        for one in _tasks_of([result]):
            if not one._cache:  # type: ignore[attr-defined]  # its types leave it out
                super().add_pending_result(one, weak=True)
        return super()._wait_for_pending(result, **kwargs)  # type: ignore[misc]  # its types leave it out


def _tasks_of(results: Iterable[ResultBase]) -> Iterator[AsyncResult[Any]]:
    """The results of tasks, of those in groups too."""
    for one in results:
        if isinstance(one, ResultSet):
            yield from _tasks_of(one.results or ())
        elif isinstance(one, AsyncResult):
            yield one
