"""What fails, in Redis: which steps gave up, how often each was tried, and the last errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import ReportStatus, ResumeResult
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds

ERRORS_KEPT = 1000  # of each task


class AttemptLimits(NamedTuple):
    """How often a step is tried, and the pause before its second attempt, doubled before each further one."""

    max_attempts: int  # 0 to give up at once
    pause: timedelta
    longest_pause: timedelta


class FailedAttempt(NamedTuple):
    """How a failed attempt is counted: now, or as it was before it was made."""

    to_count: bool = True
    # At the step, if known: then a repeat of the same call counts none more.
    counted_before: int | None = None
    traceback: str = ""  # of the error; the last one of each group is kept


class FailureReason(NamedTuple):
    """Why a step failed: the error as JSON, the text of its group, and the traceback, empty for none."""

    error: str
    text: str
    traceback: str


class RetryResult(NamedTuple):
    """Whether steps that gave up are missing again, the state the task was in, and how many they are."""

    retried: bool
    state: str
    steps: int = 0
    reused: bool = False  # the reply key was used for another request


class FailStepResult(NamedTuple):
    """What recording a failure came to. With RANGE `attempts` is the step at fault."""

    status: ReportStatus
    attempts: int = 0
    gave_up: bool = False
    first_of_run: bool = False  # no other step has given up before in this run
    completed: bool = False
    left: int = 0
    steps: int = 0  # in all
    failed: int = 0
    state: str = ""
    pause_ms: int = 0  # before its next attempt


class FailureStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def fail_step(
        self,
        task_id: str,
        step: int,
        reason: FailureReason,
        *,
        now_ms: int,
        token: str,
        nonce: str = "",
        attempt: FailedAttempt,
        limits: AttemptLimits,
        reply_key: str | None = None,
    ) -> FailStepResult:
        """Record a failed attempt at a step; with its last one the step has given up."""
        names = [
            self._keys.bitmap(task_id),
            self._keys.record(task_id),
            *self._keys.of_failures(task_id),
            self._keys.failed_scratch(task_id),
        ]
        if reply_key is not None:
            names.append(self._keys.reply(task_id, reply_key))
        pauses = (milliseconds(limits.pause), milliseconds(limits.longest_pause))
        asked = (step, limits.max_attempts, int(attempt.to_count), reason.error, ERRORS_KEPT)
        before = "" if attempt.counted_before is None else attempt.counted_before
        args: list[str | int] = [now_ms, token, nonce, *asked, *pauses, before, reason.text, reason.traceback]
        return _failed(cast(list[Any], self._scripts["fail_step"](keys=names, args=args)))

    @outages_named
    def begin_attempt(
        self,
        task_id: str,
        nonce: str,
        step: int,
        *,
        max_attempts: int,
        made_already: bool = False,
        message_id: str = "",
    ) -> int:
        """Count an attempt before it is made; how many that makes, see begin_attempt.lua."""
        names = [self._keys.record(task_id), self._keys.attempts(task_id), self._keys.leases(task_id)]
        args: list[str | int] = [nonce, step, max_attempts, int(made_already), message_id]
        return cast(int, self._scripts["begin_attempt"](keys=names, args=args))

    @outages_named
    def resume_task(
        self, task_id: str, *, now_ms: int, token: str, reply_key: str | None = None
    ) -> ResumeResult | None:
        """Let a failed, cancelled, stalled or paused task run on; None for an unknown one."""
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), *self._keys.of_failures(task_id)]
        names += [self._keys.results(task_id), self._keys.items(task_id)]
        names += self._keys.replies(task_id, reply_key)
        answer = self._scripts["resume_task"](keys=names, args=[now_ms, token])
        if answer is None:
            return None
        if answer[0] == b"reused":
            return ResumeResult(resumed=False, state="", reused=True)
        return ResumeResult(bool(answer[0]), answer[1].decode())

    @outages_named
    def retry_steps(
        self,
        task_id: str,
        ranges: Sequence[tuple[int, int]],
        *,
        now_ms: int,
        token: str,
        reply_key: str | None = None,
    ) -> RetryResult | None:
        """Let steps that gave up be missing again, of a running or failed task; None for an unknown one.

        Args:
            ranges: half open, of steps that all gave up
        """
        names = [self._keys.bitmap(task_id), self._keys.record(task_id), *self._keys.of_failures(task_id)]
        names += [self._keys.results(task_id), self._keys.items(task_id)]
        names += self._keys.replies(task_id, reply_key)
        ends = [end for pair in ranges for end in pair]
        answer = self._scripts["retry_steps"](keys=names, args=[now_ms, token, *ends])
        if answer is None:
            return None
        if answer[0] == b"reused":
            return RetryResult(retried=False, state="", reused=True)
        return RetryResult(bool(answer[0]), answer[1].decode(), answer[2])

    @outages_named
    def reason_bytes(self, task_id: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` (half open) of the groups of the steps' errors, shorter where they end."""
        return cast(bytes, self._client.getrange(self._keys.reasons(task_id), start, stop - 1))

    @outages_named
    def group_fields(self, task_id: str) -> dict[str, str]:
        """What is kept of the groups of a task's errors."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.error_groups(task_id)))
        return {name.decode(): value.decode(errors="replace") for name, value in found.items()}

    @outages_named
    def group_texts(self, task_ids: Sequence[str]) -> list[list[str]]:
        """The texts of the groups of each task's errors, those of attempts that were made again too."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hkeys(self._keys.error_groups(task_id))
            found = cast(list[list[bytes]], pipe.execute())
        return [[name[1:].decode() for name in names if name.startswith(b"=")] for names in found]

    @outages_named
    def kept_errors(self, task_id: str) -> list[str]:
        """The last errors of a task's steps, in no order: those of ERRORS_KEPT steps at most."""
        return [text.decode() for text in cast(list[bytes], self._client.hvals(self._keys.errors(task_id)))]

    @outages_named
    def failed_bytes(self, task_id: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` (half open) of the bitmap of steps that gave up, shorter where it ends."""
        return cast(bytes, self._client.getrange(self._keys.failed(task_id), start, stop - 1))

    @outages_named
    def errors(self, task_id: str, steps: Sequence[int]) -> list[str | None]:
        """The last error of each step, None where none is kept."""
        if not steps:
            return []
        found = cast(
            list[bytes | None], self._client.hmget(self._keys.errors(task_id), [str(s) for s in steps])
        )
        return [None if text is None else text.decode() for text in found]

    @outages_named
    def attempts(self, task_id: str, steps: Sequence[int]) -> list[int]:
        """The failed attempts at each step."""
        if not steps:
            return []
        fields = self._client.bitfield(self._keys.attempts(task_id))
        for step in steps:
            fields.get("u4", f"#{step}")
        return cast(list[int], fields.execute())


def _failed(answer: list[Any]) -> FailStepResult:
    """The answer of fail_step.lua."""
    status, *rest = answer
    if not rest:
        return FailStepResult(ReportStatus(status.decode()))
    attempts, gave_up, completed, left, steps, failed, state, pause_ms = rest
    return FailStepResult(
        ReportStatus(status.decode()),
        int(attempts),
        bool(gave_up),
        gave_up == 2,
        bool(completed),
        left,
        steps,
        failed,
        state.decode(),
        pause_ms,
    )
