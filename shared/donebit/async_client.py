"""The same client for programs that run an asyncio event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from donebit import calls
from donebit.async_results import AsyncResults
from donebit.async_schedules import AsyncScheduleRequests
from donebit.calls import ResultPart
from donebit.errors import ConfigurationError
from donebit.extras import missing_extra
from donebit.names import checked_name
from donebit.task_types import Report, Task


class AsyncDonebit(AsyncScheduleRequests):
    """`Donebit` with methods to await: the same names, parameters, answers and errors.

    Tasks of one event loop may share one. An event loop or a forked process that uses it later opens
    connections of its own. Use it as an asynchronous context manager, or await `close`.
    """

    def __init__(
        self,
        trigger_url: str | None = None,
        done_url: str | None = None,
        token: str | None = None,
        *,
        timeout_seconds: float = 60.0,
    ) -> None:
        """Make a client, with the parameters of `Donebit`. Nothing is sent yet.

        Raises:
            ConfigurationError: httpx is not installed.
            InvalidInput: An address is not an http or https URL, the token cannot be sent, or the timeout is
                no number from 0.
        """
        try:
            from donebit.async_transport import AsyncTransport  # noqa: PLC0415 - it needs what the extra brings
        except ModuleNotFoundError as error:
            raise ConfigurationError(missing_extra("async", "AsyncDonebit", error.name)) from None
        super().__init__(AsyncTransport(trigger_url, done_url, token, timeout_seconds))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        await self._transport.close()

    async def start(
        self,
        count: int | None = None,
        *,
        job: str | None = None,
        params: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task of `count` steps and return its id, as `Donebit.start` does."""
        return await self._run(calls.start(count, job, params, task_id, more))

    async def map(
        self,
        job: str,
        items: Iterable[object],
        *,
        params: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        **more: object,
    ) -> str:
        """Start a task with a step for each item and return its id, as `Donebit.map` does.

        The items are gone through between two requests, in the event loop.
        """
        return await self._run(calls.start_for_items(job, items, params, task_id, more))

    async def report(
        self, task_id: str, steps: Iterable[int] = (), results: Mapping[int, object] | None = None
    ) -> Report:
        """Report that steps are done, as `Donebit.report` does."""
        return await self._run(calls.report(task_id, steps, results))

    async def fail(self, task_id: str, step: int, error: object) -> Report:
        """Report that a step failed for good, as `Donebit.fail` does."""
        return await self._run(calls.fail(task_id, step, error))

    def results(self, task_id: str) -> AsyncResults[Any]:
        """Return what the task's steps returned, to go through by `async for`, as `Donebit.results` does."""
        checked_name(task_id, "task_id")
        return AsyncResults(lambda: self._result_parts(task_id), lambda: self._count_results(task_id))

    async def _result_parts(self, task_id: str) -> AsyncIterator[ResultPart]:
        after: int | None = 0
        while after is not None:
            parts, after = await self._run(calls.result_page(task_id, after))
            for part in parts:
                yield part

    async def _count_results(self, task_id: str) -> int:
        return int((await self.get(task_id))["results"])

    async def wait(self, task_id: str, timeout_seconds: float = 3600) -> Task:
        """Wait until the task has ended, as `Donebit.wait` does."""
        return await self._run(calls.wait(task_id, timeout_seconds))

    async def get(self, task_id: str) -> Task:
        """Return the task's present state, as `Donebit.get` does."""
        return await self._run(calls.get(task_id))

    async def extend(
        self,
        task_id: str,
        *,
        add: int | None = None,
        count: int | None = None,
        items: Iterable[object] | None = None,
        expected: int | None = None,
    ) -> Task:
        """Add steps to a running task, as `Donebit.extend` does."""
        return await self._run(calls.extend(task_id, add, count, items, expected))

    async def close_task(self, task_id: str, *, expected: int | None = None) -> Task:
        """Close an open task, as `Donebit.close_task` does."""
        return await self._run(calls.close_task(task_id, expected))

    async def pause(self, task_id: str) -> Task:
        """Pause a running task, as `Donebit.pause` does."""
        return await self._run(calls.change(task_id, "pause"))

    async def resume(self, task_id: str) -> Task:
        """Resume a paused, failed, cancelled or stalled task, as `Donebit.resume` does."""
        return await self._run(calls.change(task_id, "resume"))

    async def cancel(self, task_id: str) -> Task:
        """Cancel a running task, as `Donebit.cancel` does."""
        return await self._run(calls.change(task_id, "cancel"))

    async def retry(self, task_id: str, steps: Iterable[int] = (), *, group: str | None = None) -> Task:
        """Try some failed steps again, as `Donebit.retry` does."""
        return await self._run(calls.retry(task_id, steps, group))

    async def rerun(self, task_id: str, params: Mapping[str, Any] | None = None) -> str:
        """Start a new task with the order of an old one, as `Donebit.rerun` does."""
        return await self._run(calls.rerun(task_id, params))
