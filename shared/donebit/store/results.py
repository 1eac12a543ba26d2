"""What the steps of a task returned, in Redis: some hundred results in a field, written with their bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import MarkStepsResult, ReportStatus
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.step_marks import of_failures

STEPS_PER_CHUNK = 256  # as mark_results.lua has it
OWN_FIELD = "&"  # in a chunk: the result is in a field of its own


class ResultRun(NamedTuple):
    """The results of consecutive steps, as JSON texts."""

    first: int
    values: Sequence[str]


class ResultStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def mark_results(
        self,
        task_id: str,
        runs: Sequence[ResultRun],
        steps: Sequence[int],
        ranges: Sequence[tuple[int, int]],
        *,
        max_bytes: int,
        now_ms: int,
        token: str,
        nonce: str = "",
        reply_key: str | None = None,
    ) -> MarkStepsResult:
        """Set bits as TaskStore.mark_steps does, and keep the results of the steps that are new.

        Args:
            runs: steps with results.
            max_bytes: that the results of the task may have in all; with more the answer is FULL.
        """
        keys = self._keys
        names = [keys.bitmap(task_id), keys.record(task_id), *of_failures(keys, task_id)]
        names += [keys.results(task_id), *keys.replies(task_id, reply_key)]
        args: list[str | int] = [now_ms, token, nonce, max_bytes, len(runs)]
        for run in runs:
            args += [run.first, len(run.values), *run.values]
        args += [len(steps), *steps, *(end for pair in ranges for end in pair)]
        status, *rest = cast(list[Any], self._scripts["mark_results"](keys=names, args=args))
        if status == b"full":
            return MarkStepsResult(ReportStatus.FULL, int(rest[0]))
        return MarkStepsResult.of(status, *rest)

    @outages_named
    def add_reader(self, task_id: str, nonce: str, reader: str, least_life: timedelta) -> int | None:
        """Keep a task for another that reads its results.

        Returns:
            How many results it has, and it is kept if there are any; None when that task is gone.
        """
        args: list[str | int] = [nonce, reader, milliseconds(least_life)]
        found = self._scripts["add_reader"](keys=self._keys.of_task(task_id), args=args)
        return cast(int | None, found)

    @outages_named
    def remove_reader(self, task_id: str, nonce: str, reader: str) -> bool:
        """Note that a task does not read the results of another any more; whether it did."""
        keys = [self._keys.record(task_id)]
        return bool(self._scripts["remove_reader"](keys=keys, args=[nonce, reader]))

    @outages_named
    def chunks(self, task_id: str, numbers: Sequence[int]) -> list[str | None]:
        """The results of some chunks, as mark_results.lua writes them; None for one that has none."""
        return self._fields(task_id, [f"c{number}" for number in numbers])

    @outages_named
    def own_fields(self, task_id: str, steps: Sequence[int]) -> list[str | None]:
        """The results of steps that have a field of their own; None for a step that has none."""
        return self._fields(task_id, [str(step) for step in steps])

    def _fields(self, task_id: str, names: list[str]) -> list[str | None]:
        if not names:
            return []
        found = cast(list[bytes | None], self._client.hmget(self._keys.results(task_id), names))
        return [None if text is None else text.decode() for text in found]
