"""Leases on steps in Redis: which living process runs which steps of a task, by the server's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from redis import Redis
from redis.commands.core import Script

from donebit import clock
from donebit.store.answers import MarkStepsResult
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.lease_values import (
    HandedLease,
    Holder,
    LapsedLease,
    ReclaimedLease,
    Renewal,
    StoredLease,
    TakenLease,
    ranges_of,
    stored_lease,
)
from donebit.store.milliseconds import milliseconds
from donebit.store.packing import Command
from donebit.store.rounds import answers_in_rounds
from donebit.store.step_marks import StepMark, mark_steps_call, mark_steps_result, of_failures, wants_keys
from donebit.store.tasks import decoded

LAPSED_AT_ONCE = 100
BITS_AT_ONCE = 4096  # bytes of a bitmap that are read with a lease: the slices of 8 million steps
RECLAIM_WITHIN = timedelta(seconds=4)  # after this another process reclaims a lease
INDEX_TTL = timedelta(hours=1)  # renewed each second while a lease is

Range = tuple[int, int]


class LeaseStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def take_lease(
        self, task_id: str, nonce: str, holder: Holder, ranges: Sequence[Range], lease: timedelta
    ) -> TakenLease | None:
        """Hold the steps of a message that no living process holds; None when it is gone, ended or paused.

        It is indexed first, on one server in the same round trip, so that it is found even if the answer
        is lost. Which steps are done is read in that round trip too, after the lease is taken.
        """
        names = [self._keys.record(task_id), self._keys.leases(task_id), self._keys.bitmap(task_id)]
        ends = [end for pair in ranges for end in pair]
        args: list[str | int] = [nonce, *holder, milliseconds(lease), *ends]
        script = self._scripts["take_lease"]
        until_ms = clock.now_ms() + milliseconds(lease)
        enter: list[Command] = [
            ("ZADD", self._keys.LEASES, until_ms, f"{task_id}:{holder.message_id}"),
            ("PEXPIRE", self._keys.LEASES, milliseconds(INDEX_TTL)),
        ]
        take: list[Command] = [("EVALSHA", script.sha, len(names), *names, *args)]
        read = _read_of(names[-1], ranges)
        answers = answers_in_rounds(self._client, [enter, [*take, *read]], script)
        answer = cast(list[Any] | None, answers[len(enter)])
        if answer is None:
            self.unindex([(task_id, holder.message_id)])
            return None
        now_us, died, record, taken = answer
        clock.follow(int(now_us))
        fields = dict(zip(record[::2], record[1::2], strict=True))
        held = list(zip(taken[::2], taken[1::2], strict=True))
        bits = answers[-1] if read and held == list(ranges) else None
        return TakenLease(decoded(fields), held, died == b"1", bits)

    @outages_named
    def release_lease(self, task_id: str, holder: Holder) -> bool:
        """Give a lease up; whether the worker has sent its steps that were not begun to others."""
        script = self._scripts["release_lease"]
        release: list[Command] = [("EVALSHA", script.sha, 1, self._keys.leases(task_id), *holder)]
        return bool(answers_in_rounds(self._client, [release, self._leave(holder, task_id)], script)[0])

    @outages_named
    def mark_and_release(
        self,
        holder: Holder,
        task_id: str,
        steps: Sequence[int],
        ranges: Sequence[Range],
        *,
        now_ms: int,
        token: str,
        nonce: str,
    ) -> MarkStepsResult:
        """Set bits as TaskStore.mark_steps does, and then give a lease up: one round trip on one server."""
        names, args = mark_steps_call(self._keys, StepMark(task_id, steps, ranges, now_ms, token, nonce))
        answer = self._mark_and_release(holder, task_id, names, args)
        if wants_keys(answer):
            names = [*names, *of_failures(self._keys, task_id)]
            answer = self._mark_and_release(holder, task_id, names, args)
        return mark_steps_result(answer)

    def _mark_and_release(
        self, holder: Holder, task_id: str, names: Sequence[str], args: Sequence[str | int]
    ) -> object:
        script = self._scripts["mark_and_release"]
        keys = [self._keys.leases(task_id), *names]
        mark: list[Command] = [("EVALSHA", script.sha, len(keys), *keys, *holder, *args)]
        return answers_in_rounds(self._client, [mark, self._leave(holder, task_id)], script)[0]

    def _leave(self, holder: Holder, task_id: str) -> list[Command]:
        """Leave a lease out of the index. One that stays after all is entered again as it is renewed."""
        return [("ZREM", self._keys.LEASES, f"{task_id}:{holder.message_id}")]

    @outages_named
    def renew_leases(
        self, task_id: str, renewals: Sequence[Renewal], lease: timedelta, *, ending: bool
    ) -> list[Holder]:
        """Renew leases on steps of one task.

        Args:
            ending: the worker that they belong to is ending

        Returns:
            Those that are held.
        """
        args: list[str | int] = [renewals[0].holder.worker, milliseconds(lease), int(ending)]
        for holder, step, age in renewals:
            args += [holder.message_id, holder.pid, "-" if step is None else step, milliseconds(age)]
        now_us, *expiries = cast(
            list[Any], self._scripts["renew_leases"](keys=[self._keys.leases(task_id)], args=args)
        )
        clock.follow(int(now_us))
        held = {one.holder: at for one, at in zip(renewals, expiries, strict=True) if at}
        self.index(task_id, {holder.message_id: at for holder, at in held.items()})
        return list(held)

    @outages_named
    def index(self, task_id: str, expiries_ms: Mapping[str, int]) -> None:
        """Enter leases, by their messages' ids, among those that are looked at once they run out."""
        if not expiries_ms:
            return
        with self._client.pipeline(transaction=False) as pipe:
            entries = {f"{task_id}:{message}": at for message, at in expiries_ms.items()}
            pipe.zadd(self._keys.LEASES, entries)
            pipe.pexpire(self._keys.LEASES, milliseconds(INDEX_TTL))
            pipe.execute()

    @outages_named
    def unindex(self, entries: Iterable[tuple[str, str]]) -> None:
        """Leave these out again: (task, message)."""
        if names := [f"{task_id}:{message}" for task_id, message in entries]:
            self._client.zrem(self._keys.LEASES, *names)

    @outages_named
    def lapsed_leases(self) -> list[LapsedLease]:
        """Indexed leases that have run out, or may have."""
        found = self._scripts["lapsed_leases"](keys=[self._keys.LEASES], args=[LAPSED_AT_ONCE])
        names, scores = cast(list[bytes], found)[::2], cast(list[bytes], found)[1::2]
        parts = [name.decode().partition(":") for name in names]
        return [
            LapsedLease(task_id, message, int(score))
            for (task_id, _, message), score in zip(parts, scores, strict=True)
        ]

    @outages_named
    def unindex_lapsed(self, entries: Iterable[LapsedLease]) -> None:
        """Leave out the entries that are still as they were found."""
        if args := [part for one in entries for part in (f"{one.task_id}:{one.message_id}", one.expired_ms)]:
            self._scripts["unindex_lapsed"](keys=[self._keys.LEASES], args=args)

    @outages_named
    def hand_over_lease(self, task_id: str, holder: Holder, step: int | None) -> HandedLease | None:
        """Let others take all steps but the one that runs, if any does.

        Returns:
            All that are held, to be sent before `narrow_lease`; None when they are sent or there is no lease.
        """
        args: list[str | int] = [*holder, "-" if step is None else step]
        found = self._scripts["hand_over_lease"](keys=[self._keys.leases(task_id)], args=args)
        if found is None:
            return None
        ranges, counted = cast(list[Any], found)
        return HandedLease(ranges_of(ranges.decode()), bool(counted))

    @outages_named
    def narrow_lease(self, task_id: str, holder: Holder, step: int) -> bool:
        """Keep only the step that runs, once the others are sent; False when they were not handed over."""
        return bool(self._scripts["narrow_lease"](keys=[self._keys.leases(task_id)], args=[*holder, step]))

    @outages_named
    def bury_lease(self, task_id: str, holder: Holder, *, ending: bool) -> None:
        """Note that a process died at a message.

        Args:
            ending: its worker is ending, which is no fault of the steps
        """
        names = [self._keys.leases(task_id), self._keys.attempts(task_id)]
        self._scripts["bury_lease"](keys=names, args=[*holder, int(ending)])

    @outages_named
    def reclaim_lease(self, task_id: str, message_id: str) -> ReclaimedLease | None:
        """Claim a lease that has run out; None when it is given up or another's, or the task has ended."""
        names = [self._keys.leases(task_id), self._keys.attempts(task_id), self._keys.record(task_id)]
        names.append(self._keys.reclaiming(task_id, message_id))
        args: list[str | int] = [message_id, milliseconds(RECLAIM_WITHIN)]
        answer = cast(list[Any] | None, self._scripts["reclaim_lease"](keys=names, args=args))
        if answer is None:
            return None
        left, state, counted, ranges = answer
        return ReclaimedLease(
            timedelta(milliseconds=left), state.decode(), bool(counted), ranges_of(ranges.decode())
        )

    @outages_named
    def drop_reclaimed(self, task_id: str, message_id: str) -> None:
        """Drop a lease whose steps have been sent again, unless its worker has renewed it meanwhile."""
        names = [self._keys.leases(task_id), self._keys.reclaiming(task_id, message_id)]
        self._scripts["drop_reclaimed"](keys=names, args=[message_id])

    def of_task(self, task_id: str) -> list[StoredLease]:
        """Every lease on a task's steps, those that have run out too."""
        return self.of_tasks([task_id])[0]

    @outages_named
    def of_tasks(self, task_ids: Sequence[str]) -> list[list[StoredLease]]:
        """Every lease on each task's steps, those that have run out too, in the order asked."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.time()
            for task_id in task_ids:
                pipe.hgetall(self._keys.leases(task_id))
            (seconds, microseconds), *found = pipe.execute()
        now_ms = seconds * 1000 + microseconds // 1000
        return [
            [stored_lease(message.decode(), text.decode(), now_ms) for message, text in held.items()]
            for held in found
        ]


def _read_of(bitmap: str, ranges: Sequence[Range]) -> list[Command]:
    """The command that reads the steps of one short range; none for other ranges."""
    if len(ranges) != 1:
        return []
    first, last = ranges[0][0] // 8, (ranges[0][1] - 1) // 8
    return [("GETRANGE", bitmap, first, last)] if last - first < BITS_AT_ONCE else []
