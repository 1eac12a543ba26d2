"""Sends batches, several requests at once, and adds up the answers."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

import urllib3

from donebit import clock
from donebit.command_line.exit_codes import RequestRefused
from donebit.command_line.load.batch import Group
from donebit.command_line.load.users import MAPPED, Users
from donebit.command_line.service import ServiceClient, segment

PARALLEL_REQUESTS = 4
# Sending a visit twice counts it once, so any request may be retried.
RETRIES = urllib3.Retry(
    total=5, backoff_factor=0.25, backoff_max=5, status_forcelist=(502, 503, 504), allowed_methods=None,
    raise_on_status=False,
)  # fmt: skip


@dataclass(slots=True)
class Sent:
    """What became of the visits that were sent."""

    received: int = 0
    fresh: int = 0
    refused: int = 0
    refusal: RequestRefused | None = None  # the last one


Sending: TypeAlias = dict[Future[Sent], Group]


class BatchSender:
    """Sends batches to one service."""

    def __init__(self, distinct: ServiceClient, pool: ThreadPoolExecutor) -> None:
        self._distinct, self._pool = distinct, pool

    @property
    def is_fresh_exact(self) -> bool:
        """Whether no answer was lost: to visits that are sent again, nobody is new any more."""
        return not self._distinct.has_resent

    def begin(self, batch: Iterable[Group]) -> Sending:
        """Start sending a batch; `end` waits for the answers."""
        return {self._pool.submit(self._send, group): group for group in batch}

    def end(self, sending: Sending, on_refused: Callable[[Group, RequestRefused, int], None]) -> Sent:
        """Wait for every answer.

        Args:
            sending: What `begin` returned.
            on_refused: Called with a group of which distinct_app refuses visits as invalid (422), the reason
                and how many it refuses; may raise, to stop.

        Raises:
            RequestRefused: It was refused for another reason.
            ServiceUnavailable: distinct_app cannot be reached, after retries.
        """
        sent = Sent()
        try:
            for future in as_completed(sending):
                one = future.result()
                sent.received += one.received
                sent.fresh += one.fresh
                sent.refused += one.refused
                if one.refusal:
                    on_refused(sending[future], one.refusal, one.refused)
        finally:
            for future in sending:
                future.cancel()
        return sent

    def _send(self, group: Group) -> Sent:
        sent = Sent()
        for users in group.parts():
            try:
                answer = self._send_part(group, users)
            except RequestRefused as error:
                if error.status != 422:
                    raise
                sent.refused += len(users)
                sent.refusal = error
            else:
                sent.received += answer["received"]
                sent.fresh += answer["fresh"]
        return sent

    def _send_part(self, group: Group, users: Users) -> dict[str, int]:
        path, at = f"/events/{segment(group.event)}", written(group.at)
        if isinstance(users, list):
            return self._distinct.ask("POST", path, {"users": users, "at": at})  # type: ignore[no-any-return]  # JSON
        ids = MAPPED if group.kind == MAPPED else None
        return self._distinct.send_bytes(path, packed(users), at=at, ids=ids)  # type: ignore[no-any-return]  # JSON


def arrived(sending: Iterable[Future[Sent]]) -> bool:
    """Wait for the requests that were sent, and return whether any was accepted."""
    sent = [future for future in sending if not future.cancelled()]
    wait(sent)
    return any(future.exception() is None and future.result().received for future in sent)


def written(at: date | datetime) -> str:
    """Write a moment, or a day of the site's zone."""
    return clock.iso(at) if isinstance(at, datetime) else at.isoformat()


@contextmanager
def sender(distinct: ServiceClient) -> Iterator[BatchSender]:
    """Give a sender; at the end, its last requests are waited for."""
    with ThreadPoolExecutor(PARALLEL_REQUESTS, thread_name_prefix="load") as pool:
        yield BatchSender(distinct, pool)


def packed(ids: array[int]) -> bytes:
    """Return the ids as little-endian uint32, whatever the byte order of this machine."""
    if sys.byteorder == "big":
        ids = array("I", ids)
        ids.byteswap()
    return ids.tobytes()
