"""Live events: one reader per process, however many clients listen."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from flask import Response, has_request_context, request

from donebit.errors import StoreUnavailable, TooManyStreams
from donebit.throttled_log import Intervals
from donebit.web.exchange import exchange_of
from donebit.web.listener import (
    MOST_WAITING,
    Listener,
    Message,
    MessageFilter,
    Table,
    Texts,
    Topic,
    event,
    every,
    none,
)

READ_EVERY_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
READING_SHARE = 4  # a read that takes long is followed by a pause so many times as long
LINE_EVERY = timedelta(minutes=1)  # about what lasts
KEEP_ALIVE_SECONDS = 10.0  # a client that has gone is noticed when something is written to it
OPENING = "retry: 1000\n\n"  # milliseconds
COMMENT = ": still here\n\n"
ALIVE = "event: alive\ndata: {}\n\n"  # for scripts that watch for a dead stream: they cannot see a comment
NO_BUFFERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

log = logging.getLogger(__name__)

# Takes the topics that have listeners, each with its last table (empty at first), and returns the current
# tables. A topic that is left out has ended.
ReadTopics = Callable[[Mapping[Topic, Table]], Mapping[Topic, Table]]


class Feed:
    """Reads the topics of its listeners, and sends each listener what has changed."""

    def __init__(self, read: ReadTopics, most: int) -> None:
        self._read, self._most = read, most
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._tables: dict[Topic, Table] = {}
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._lines = Intervals(LINE_EVERY)

    def __len__(self) -> int:
        """The number of listeners."""
        return len(self._listeners)

    def stream(
        self,
        topic: Topic,
        *,
        wanted: MessageFilter = every,
        opening: MessageFilter = every,
        last: MessageFilter = none,
        first: Table | None = None,
        sign_of_life: str = COMMENT,
    ) -> Response:
        """Answer with server-sent events: the current state, then each change.

        Args:
            topic: what to listen to
            wanted: which messages are sent at all
            opening: which of the current messages are sent first
            last: whether the stream ends after a message
            first: messages to send before everything else
            sign_of_life: sent now and then when there is nothing new

        Raises:
            TooManyStreams: as many as allowed are open.
        """
        listener = Listener(topic, wanted, opening, last)
        if first:
            texts = {key: event(message) for key, message in first.items()}
            listener.put(texts, most=MOST_WAITING + len(texts))
        self._join(listener)
        if exchange := has_request_context() and exchange_of(request.environ):
            exchange.listener, exchange.sign_of_life = listener, sign_of_life
        response = Response(
            events(listener, sign_of_life), content_type="text/event-stream", headers=NO_BUFFERS
        )
        response.call_on_close(lambda: self._leave(listener))  # for HEAD too, which reads no event
        return response

    def _join(self, listener: Listener) -> None:
        with self._lock:
            if len(self._listeners) >= self._most:
                raise TooManyStreams(f"{self._most} event streams are open, which is the most (MAX_STREAMS)")
            self._listeners.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
        self._awake.set()

    def _leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            listeners = self._at_present()
            if not listeners:
                self._awake.wait()
                self._awake.clear()
                continue
            began = time.monotonic()
            self._end_refused(listeners)
            self._send(listeners)
            took = time.monotonic() - began
            pause.wait(min(max(READ_EVERY_SECONDS, READING_SHARE * took), LONGEST_PAUSE_SECONDS))

    def _at_present(self) -> list[Listener]:
        """All listeners. Who joins while they are served has to wait: what is read by then may be older."""
        with self._lock:
            listeners = list(self._listeners)
        topics = {listener.topic for listener in listeners}
        self._tables = {topic: table for topic, table in self._tables.items() if topic in topics}
        return listeners

    def _end_refused(self, listeners: Sequence[Listener]) -> None:
        for listener in listeners:
            if not self._is_allowed(listener):
                listener.end()

    def _is_allowed(self, listener: Listener) -> bool:
        """Whether a client may go on to listen; while nobody can say, it may."""
        try:
            return listener.is_allowed()
        except Exception:  # as below
            if self._lines.is_due("allowed"):  # not four times a second for each client
                log.exception("it cannot be checked whether a client may go on listening")
            return True

    def _send(self, listeners: Sequence[Listener]) -> None:
        topics = {listener.topic for listener in listeners}
        try:
            found = self._read({topic: self._tables.get(topic, {}) for topic in topics})
        except StoreUnavailable as error:
            for listener in listeners:
                listener.offer_outage(error.detail)
            return
        except Exception:  # the one reader: without it every stream would be silent for ever
            log.exception("the event streams cannot be read")
            return
        for topic in topics:
            self._send_topic([one for one in listeners if one.topic == topic], topic, found.get(topic))

    def _send_topic(self, listeners: Sequence[Listener], topic: Topic, table: Table | None) -> None:
        if table is None:
            for listener in listeners:
                listener.end()
            return
        before = self._tables.get(topic, table)
        changed = [key for key, message in table.items() if is_news(before.get(key), message)]
        self._tables[topic] = table
        texts = Texts(table)
        for listener in listeners:
            listener.offer(table, changed, texts)


def is_news(before: Message | None, now: Message) -> bool:
    return before is not now and before != now  # most messages of a long table are the very same


def events(listener: Listener, sign_of_life: str = COMMENT) -> Iterator[str]:
    """Yield the events of a listener, and a sign of life when there are none for a while."""
    yield OPENING
    over = False
    while not over:
        text, over = listener.take(KEEP_ALIVE_SECONDS)
        if text or not over:
            yield text or sign_of_life
