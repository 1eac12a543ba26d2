"""How many messages wait in the queues, whatever the broker is."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from donebit.config import Settings
from donebit.queue import QUEUES, make_celery
from donebit.rabbitmq import NOT_FOUND
from donebit.store import Store

ASKED_EVERY = timedelta(seconds=0.5)  # at most: pages are drawn anew four times a second
ASKED_AGAIN_AFTER = timedelta(seconds=5)  # where it did not answer, which each time costs a page its patience


def read_lengths(
    store: Store, settings: Settings, queues: Sequence[str] = QUEUES
) -> Mapping[str, int] | None:
    """Return how many messages wait in each queue; None where the broker does not say.

    Raises:
        StoreUnavailable: the broker is the store's server, which cannot be reached.
    """
    if settings.broker_is_the_store:
        return dict(zip(queues, store.heartbeats.queue_lengths(tuple(queues)), strict=True))
    lengths = lengths_elsewhere(settings)
    return lengths and {queue: lengths[queue] for queue in queues}


def lengths_elsewhere(settings: Settings) -> Mapping[str, int] | None:
    """Return how many messages wait in each queue of a broker that is not the store's server.

    Returns:
        None where the broker does not say, and where it is the store's server.
    """
    return None if settings.broker_is_the_store else _broker_of(settings).lengths()


@lru_cache(maxsize=1)
def _broker_of(settings: Settings) -> BrokerQueues:
    return BrokerQueues(make_celery(settings, sends_only=True))


class BrokerQueues:
    """The queues of a broker, as it is asked about them: seldom, and by one thread at a time."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._lengths: Mapping[str, int] | None = None
        self._current_until = 0.0

    def lengths(self) -> Mapping[str, int] | None:
        """Return how many messages wait in each queue, of half a second ago at most; None if it is away."""
        with self._lock:
            if time.monotonic() >= self._current_until:
                self._lengths = self._ask()
                pause = ASKED_AGAIN_AFTER if self._lengths is None else ASKED_EVERY
                self._current_until = time.monotonic() + pause.total_seconds()
            return self._lengths

    def _ask(self) -> Mapping[str, int] | None:
        try:
            with cast(Any, self._app.pool).acquire(block=True) as connection:
                try:
                    connection.ensure_connection(max_retries=1, interval_start=0)
                    return {name: self._length(connection, name) for name in QUEUES}
                except (OSError, *connection.connection_errors):
                    connection.close()  # for the next to connect anew
                    return None
        except (OperationalError, ChannelError):
            return None

    def _length(self, connection: Any, name: str) -> int:
        """Ask for the length of one queue, on a channel of its own: that of a missing queue is closed."""
        with connection.channel() as channel:
            try:
                declared = channel.queue_declare(queue=self._app.amqp.queues[name].name, passive=True)
            except ChannelError as error:
                if int(error.reply_code or 0) == NOT_FOUND:
                    return 0
                raise
        return int(declared.message_count)
