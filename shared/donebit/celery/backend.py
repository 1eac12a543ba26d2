"""Celery's Redis backend with chords that Donebit counts: one bit per part, and a body that is not lost.

`result_backend = "donebit+redis://..."` names it; everything but the chord is Celery's own.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

from celery import Celery, states
from celery.backends.redis import SentinelBackend
from celery.canvas import Signature, maybe_signature
from celery.exceptions import ChordError
from celery.result import GroupResult, ResultBase, allow_join_result, result_from_tuple
from celery.utils.functional import _regen  # type: ignore[attr-defined]  # its types leave it out
from kombu.utils.functional import retry_over_time

from donebit.celery import calling, signatures
from donebit.celery.calling import KeptOfChord
from donebit.celery.compact import CompactResults
from donebit.celery.options import checked_address, checked_prefix
from donebit.celery.subscribing import LateSubscriber
from donebit.completion import chords
from donebit.completion.chords import ChordStatus, ChordTasks, OwnResult, Part, PartReported, raw

NEVER = timedelta(days=365)  # of a chord that Celery would keep for ever; renewed by progress
LEAST_CLAIM_S = 5.0

log = logging.getLogger(__name__)


class CountedPart(NamedTuple):
    """What counting a part came to, and the token of the caller that is to call the body."""

    status: ChordStatus
    completed: bool
    stored: bool
    token: str


class DonebitBackend(LateSubscriber, CompactResults):
    """A result backend that counts each chord by a task of Donebit's."""

    app: Celery
    expires: int | None
    connparams: dict[str, Any]
    connection_errors: tuple[type[Exception], ...]
    always_retry: bool
    max_retries: float
    max_sleep_between_retries_ms: int
    _transport_options: dict[str, Any]
    _chord_zset: bool
    _unpack_chord_result: Callable[..., Any]
    _get_result_meta: Callable[..., dict[str, Any]]

    def __new__(cls, *_args: Any, url: str | None = None, **_kwargs: Any) -> DonebitBackend:
        """The backend of the server at the address, or of the one that its Sentinels name."""
        return super().__new__(DonebitSentinelBackend if url and url.startswith("sentinel:") else cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key_prefix = checked_prefix(self._transport_options)

    def _params_from_url(self, url: str, defaults: dict[str, Any]) -> Any:
        address = checked_address(url, self._transport_options)
        return super()._params_from_url(address, defaults)  # type: ignore[misc]  # its types leave it out

    @cached_property
    def chords(self) -> ChordTasks:
        """The chords, on this backend's own connection."""
        return ChordTasks.over(self.client, self.key_prefix)

    @property
    def claim(self) -> timedelta:
        """How long the process that ends a chord may gather its results before another does."""
        join_timeout = self.app.conf.result_chord_join_timeout or LEAST_CLAIM_S
        return timedelta(seconds=max(LEAST_CLAIM_S, 2 * join_timeout))

    @property
    def by_index(self) -> bool:
        """Whether results come in the order of the header: Celery's option result_chord_ordered."""
        return self._chord_zset

    def apply_chord(self, header_result_args: tuple[Any, ...], body: Signature[Any], **kwargs: Any) -> None:
        """Make the chord's task, before anything of its header is sent."""
        group_id, results = str(header_result_args[0]), header_result_args[1]
        is_generator = isinstance(results, _regen)  # which would be used up
        if not is_generator:
            self.begin_header(results)
        super().apply_chord(header_result_args, body, **kwargs)  # keeps the header if it is nested
        packed = signatures.packed(self.app, body)
        status: ChordStatus = self.insist(
            lambda: self.chords.start(
                {"group": group_id, "body": str(body.task)},
                str(body.id),
                packed,
                expected=0 if is_generator else len(results),
                ttl=self._kept_for(),
            )
        )
        if status is ChordStatus.TAKEN:
            log.warning("group %s has the id of a task that is no chord: Celery counts it itself", group_id)

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Set how many parts the header has, which Celery knows when it sends the last one."""
        self.end_header()
        status = self.insist(lambda: self.chords.seal(group_id, chord_size))
        if status is ChordStatus.UNKNOWN:
            super().set_chord_size(group_id, chord_size)
        elif status is ChordStatus.ENDED:
            calling.call_ended(self, chords.task_id_of(group_id))

    def add_to_chord(self, group_id: str, result: ResultBase) -> None:
        """Let a chord have one part more; the part has the index of the one that adds it."""
        # Not repeated after a lost answer, as Celery's is not: the chord could wait for a part too many.
        if self.chords.add_part(group_id) is ChordStatus.UNKNOWN:
            super().add_to_chord(group_id, result)

    def mark_as_done(
        self,
        task_id: str,
        result: Any,
        request: Any = None,
        store_result: bool = True,  # noqa: FBT001, FBT002  # as Celery has it
        state: str = states.SUCCESS,
    ) -> None:
        """Count a part and store its own result in one script.

        Celery stores it first, and takes a task whose result is stored for done: killed after that, it would
        never be counted. Killed before, it runs again.
        """
        if request and request.chord:
            keeps = store_result and not request.ignore_result and state == states.SUCCESS
            own = self._own_result(task_id, result, state, request) if keeps else None
            counted = request.donebit_counted = self._count(request, state, result, own)
            store_result = store_result and not (counted and counted.stored)
        super().mark_as_done(task_id, result, request=request, store_result=store_result, state=state)

    def on_chord_part_return(
        self, request: Any, state: str, result: Any, propagate: Any = None, **kwargs: Any
    ) -> None:
        """Count a part that has ended, and call the body after the last one."""
        counted: CountedPart | None = getattr(request, "donebit_counted", None)
        counted = counted or self._count(request, state, result)
        if counted is None:
            return
        if counted.status is ChordStatus.UNKNOWN:  # begun before this backend was chosen: Celery counts it
            super().on_chord_part_return(request, state, result, propagate=propagate, **kwargs)
        elif counted.completed:
            body = cast(Signature[Any], maybe_signature(request.chord, app=self.app))
            calling.call_body(self, str(request.group), body, counted.token)

    def _count(
        self, request: Any, state: str, result: Any, own: OwnResult | None = None
    ) -> CountedPart | None:
        """What counting a part came to; None for a request that is part of no group."""
        if not request.group or not request.id:
            return None
        token = chords.new_token()
        part = self._part(request.id, request.group_index, state, result)
        group_id, claim = str(request.group), self.claim
        report: PartReported = self._until_counted(
            lambda: self.chords.report(group_id, part, token, claim, own)
        )
        if report.renewed:
            self._renew_header(group_id)
        return CountedPart(report.status, report.completed, report.stored, token)

    def _own_result(self, task_id: str, result: Any, state: str, request: Any) -> OwnResult:
        """What Celery stores under the part's id."""
        returned = self.encode_result(result, state)
        meta = self._get_result_meta(result=returned, state=state, traceback=None, request=request)
        value = self.encode({**meta, "task_id": task_id})
        return OwnResult(self.get_key_for_task(task_id), value, int(self.expires or 0))

    def kept(self, group_id: str) -> KeptOfChord:
        """What is kept of an ended chord; a lost connection is no failure of the chord."""
        return cast(KeptOfChord, self.insist(lambda: self._kept(group_id)))

    def _kept(self, group_id: str) -> KeptOfChord:
        header: Any = self.client.get(self.get_key_for_group(group_id))
        results = self.chords.results(group_id, by_index=self.by_index)
        return KeptOfChord(header, self.chords.record(group_id), results)

    def gathered(self, group_id: str, kept: KeptOfChord) -> list[Any]:
        """The results of an ended chord, in their order and as nested as its header.

        Raises:
            ChordError: a part failed, or has ended without a result.
        """
        if len(kept.results) < int(kept.record.get("count", 0)):
            state = kept.record["state"]
            raise ChordError(f"chord {group_id} is {state}, and some of its parts have no result")
        if kept.header is None:
            return [self._unpack_chord_result(one, self.decode) for one in kept.results]
        header = result_from_tuple(self.decode(raw(kept.header))["result"], self.app)
        by_id = {one[1]: one[3] for one in map(self.decode, kept.results) if one[2] == states.SUCCESS}
        try:
            return cast(list[Any], _arranged(header, by_id))
        except KeyError:  # some failed, or is known by another id: Celery waits for each
            return _joined(header, self.app.conf.result_chord_join_timeout)

    def preserve(self, group_id: str) -> None:
        """Leave the results of a chord that failed where Celery leaves them, until they expire."""
        key = self.get_key_for_group(group_id, ".j")
        with self.client.pipeline() as pipe:
            for index, encoded in self.chords.indexed_results(group_id):
                if self.by_index:
                    pipe.zadd(key, {encoded: index})
                else:
                    pipe.rpush(key, encoded)
            pipe.expire(key, self._kept_for())
            pipe.execute()

    def publish_claim(self, body: Signature[Any]) -> timedelta:
        """How long publishing the body may take, with the retries that the application allows."""
        estimate: Callable[..., float] | None = getattr(self, "_chord_publish_claim_expires", None)
        seconds = self.claim.total_seconds()
        return timedelta(seconds=estimate(seconds, body) if estimate else 6 * seconds)

    def _part(self, part_id: str, index: int | None, state: str, result: Any) -> Part:
        encoded = self.encode([1, part_id, state, self.encode_result(result, state)])
        error = result if state in states.PROPAGATE_STATES else None
        return chords.part_of(part_id, index, raw(encoded), error)

    def _kept_for(self) -> timedelta:
        seconds = getattr(self, "chord_expires", self.expires)
        return timedelta(seconds=seconds) if seconds else NEVER

    def insist(self, operation: Callable[[], Any]) -> Any:
        """Repeat after a lost connection, by the retry policy of the options: each may be repeated."""
        return self.ensure(operation, ())

    def _until_counted(self, operation: Callable[[], Any]) -> Any:
        """The same, and with result_backend_always_retry as long as Celery tries to store a result."""
        if not self.always_retry:
            return self.insist(operation)
        return retry_over_time(
            partial(self.insist, operation),
            self.connection_errors,
            max_retries=None if math.isinf(self.max_retries) else int(self.max_retries),
            interval_start=0,
            interval_step=1,
            interval_max=self.max_sleep_between_retries_ms / 1000,
        )

    def _renew_header(self, group_id: str) -> None:
        """Keep a nested header as long as its chord: without it the results would be given flat."""
        ttl = max(self._kept_for(), timedelta(seconds=self.expires or 0))
        key = self.get_key_for_group(group_id)
        self.insist(lambda: self.client.expire(key, ttl, gt=True))


class DonebitSentinelBackend(DonebitBackend, SentinelBackend):
    """The same on the server that Sentinels name: `donebit+sentinel://...`."""


def _joined(nested: Any, timeout: float | None) -> list[Any]:
    """The results of a nested header as Celery gathers them, or the first error in it."""
    nested.on_ready()
    join = nested.join_native if nested.supports_native_join else nested.join
    with allow_join_result():
        return list(join(timeout=timeout, propagate=True))


def _arranged(header: Any, by_id: dict[str, Any]) -> Any:
    """Results as nested as the header they are of."""
    if isinstance(header, GroupResult):
        return [_arranged(one, by_id) for one in header.results or ()]
    return by_id[header.id]
