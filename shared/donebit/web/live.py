"""Live events: one reader a process, however many clients listen."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from flask import Response

from donebit.errors import StoreUnavailable, TooManyStreams
from donebit.web.listener import (
    MOST_WAITING,
    Choice,
    Listener,
    Message,
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
KEEP_ALIVE_SECONDS = 10.0  # a client that has gone is noticed when something is written to it
COMMENT = ": still here\n\n"
ALIVE = "event: alive\ndata: {}\n\n"  # for a client that would notice in turn: no script is told of a comment
NO_BUFFERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

log = logging.getLogger(__name__)

# Given the topics that anybody listens to, each with its table as it was read before (empty at first), the
# tables as they are now. A topic that is left out has ended.
Read = Callable[[Mapping[Topic, Table]], Mapping[Topic, Table]]


def most_streams(threads: int) -> int:
    """Of a service's threads, how many may be held by streams: an eighth stays for all else."""
    return threads - max(1, threads // 8)


class Feed:
    """Reads what its listeners listen to, and tells each what has changed."""

    def __init__(self, read: Read, most: int) -> None:
        self._read, self._most = read, most
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._tables: dict[Topic, Table] = {}
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def stream(
        self,
        topic: Topic,
        *,
        wanted: Choice = every,
        opening: Choice = every,
        last: Choice = none,
        first: Table | None = None,
        sign_of_life: str = COMMENT,
    ) -> Response:
        """A response of server-sent events: what there is now, then each change, until the `last`.

        Args:
            first: what it is told before all that
            sign_of_life: what it is sent where there is no news

        Raises:
            TooManyStreams: as many as may be are open.
        """
        listener = Listener(topic, wanted, opening, last)
        if first:
            told = {key: event(message) for key, message in first.items()}
            listener.put(told, most=MOST_WAITING + len(told))
        self._join(listener)
        response = Response(
            events(listener, sign_of_life), content_type="text/event-stream", headers=NO_BUFFERS
        )
        response.call_on_close(lambda: self._leave(listener))  # for HEAD too, which reads no event
        return response

    def _join(self, listener: Listener) -> None:
        with self._lock:
            if len(self._listeners) >= self._most:
                raise TooManyStreams(
                    f"{self._most} event streams are open, which is the most with this WEB_THREADS"
                )
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
            topics = self._topics()
            if not topics:
                self._awake.wait()
                self._awake.clear()
                continue
            began = time.monotonic()
            self._tell(topics)
            took = time.monotonic() - began
            pause.wait(min(max(READ_EVERY_SECONDS, READING_SHARE * took), LONGEST_PAUSE_SECONDS))

    def _topics(self) -> set[Topic]:
        with self._lock:
            topics = {listener.topic for listener in self._listeners}
        self._tables = {topic: table for topic, table in self._tables.items() if topic in topics}
        return topics

    def _tell(self, topics: set[Topic]) -> None:
        try:
            found = self._read({topic: self._tables.get(topic, {}) for topic in topics})
        except StoreUnavailable as error:
            self._tell_outage(topics, error.detail)
            return
        except Exception:  # the one reader: without it every stream would be silent for ever
            log.exception("the event streams cannot be read")
            return
        for topic in topics:
            self._tell_topic(topic, found.get(topic))

    def _tell_topic(self, topic: Topic, table: Table | None) -> None:
        if table is None:
            for listener in self._listening(topic):
                listener.end()
            return
        before = self._tables.get(topic, table)
        changed = [key for key, message in table.items() if is_news(before.get(key), message)]
        self._tables[topic] = table
        texts = Texts(table)
        for listener in self._listening(topic):
            listener.tell(table, changed, texts)

    def _tell_outage(self, topics: set[Topic], detail: str) -> None:
        for topic in topics:
            for listener in self._listening(topic):
                listener.tell_outage(detail)

    def _listening(self, topic: Topic) -> list[Listener]:
        with self._lock:
            return [listener for listener in self._listeners if listener.topic == topic]


def is_news(before: Message | None, now: Message) -> bool:
    return before is not now and before != now  # most messages of a long table are the very same


def events(listener: Listener, sign_of_life: str = COMMENT) -> Iterator[str]:
    """What the listener is told, and now and then a sign of life."""
    yield "retry: 1000\n\n"
    over = False
    while not over:
        text, over = listener.take(KEEP_ALIVE_SECONDS)
        if text or not over:
            yield text or sign_of_life
