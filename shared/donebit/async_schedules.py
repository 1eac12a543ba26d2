"""The requests of the asynchronous client about schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donebit import schedule_calls
from donebit.call_running import AsyncCallRunner
from donebit.schedule_calls import ExpectationState, ScheduleState


class AsyncScheduleRequests(AsyncCallRunner):
    """Reads and changes schedules, as `Donebit` does."""

    async def schedule(
        self,
        name: str,
        cron: str,
        *,
        count: int | None = None,
        job: str | None = None,
        params: Mapping[str, Any] | None = None,
        zone: str | None = None,
        **more: object,
    ) -> ScheduleState:
        """Make a schedule, or change the one of this name, as `Donebit.schedule` does."""
        fields = {"count": count, "job": job, "zone": zone, **more}
        return await self._run(schedule_calls.schedule(name, cron, params, fields))

    async def get_schedule(self, name: str) -> ScheduleState:
        """Return a schedule, as `Donebit.get_schedule` does."""
        return await self._run(schedule_calls.get(name))

    async def schedules(self) -> list[ScheduleState]:
        """Return all schedules by name, as `Donebit.schedules` does."""
        return await self._run(schedule_calls.list_all())

    async def pause_schedule(self, name: str) -> ScheduleState:
        """Pause a schedule, as `Donebit.pause_schedule` does."""
        return await self._run(schedule_calls.change(name, "pause"))

    async def resume_schedule(self, name: str) -> ScheduleState:
        """Resume a paused schedule, as `Donebit.resume_schedule` does."""
        return await self._run(schedule_calls.change(name, "resume"))

    async def run_schedule(self, name: str) -> str:
        """Start a schedule's task now and return the task's id, as `Donebit.run_schedule` does."""
        return await self._run(schedule_calls.run(name))

    async def delete_schedule(self, name: str) -> None:
        """Delete a schedule, as `Donebit.delete_schedule` does."""
        await self._run(schedule_calls.delete(name))

    async def expect(self, name: str, cron: str, **more: object) -> ExpectationState:
        """Expect a task to be done before each deadline, as `Donebit.expect` does."""
        return await self._run(schedule_calls.expect(name, cron, more))

    async def expectations(self) -> list[ExpectationState]:
        """Return all expectations by name, as `Donebit.expectations` does."""
        return await self._run(schedule_calls.list_expectations())

    async def pause_expectation(self, name: str) -> ExpectationState:
        """Pause an expectation, as `Donebit.pause_expectation` does."""
        return await self._run(schedule_calls.change_expectation(name, "pause"))

    async def resume_expectation(self, name: str) -> ExpectationState:
        """Resume a paused expectation, as `Donebit.resume_expectation` does."""
        return await self._run(schedule_calls.change_expectation(name, "resume"))

    async def delete_expectation(self, name: str) -> None:
        """Delete an expectation, as `Donebit.delete_expectation` does."""
        await self._run(schedule_calls.delete_expectation(name))
