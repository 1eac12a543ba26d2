"""Live events: one reader a process, however many clients listen."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from shared.errors import StoreUnavailable

READ_EVERY_SECONDS = 0.25
KEEP_ALIVE_SECONDS = 10.0  # a client that has gone is noticed when something is written to it

Topic = str
Message = dict[str, Any]
Read = Callable[[frozenset[Topic]], Mapping[Topic, Message | None]]


@dataclass(eq=False, slots=True)
class Listener:
    """One client: the topic it listens to, and the newest message it has not taken yet."""

    topic: Topic
    box: queue.Queue[Message | None] = field(default_factory=lambda: queue.Queue(maxsize=1))

    def put(self, message: Message | None) -> None:
        """Leave the newest message; one not yet taken is out of date, and makes room."""
        with suppress(queue.Empty):
            self.box.get_nowait()
        self.box.put_nowait(message)


class Feed:
    """Reads what its listeners listen to, and tells each what has changed.

    `read` is given the topics that anybody listens to and answers each with its state as it is now; None
    ends that topic's streams.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._last: dict[Topic, Message] = {}
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None

    def join(self, topic: Topic) -> Listener:
        listener = Listener(topic)
        with self._lock:
            self._listeners.add(listener)
            if topic in self._last:
                listener.put(self._last[topic])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
        self._awake.set()
        return listener

    def leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                topics = frozenset(listener.topic for listener in self._listeners)
                self._last = {topic: last for topic, last in self._last.items() if topic in topics}
            if not topics:
                self._awake.clear()
                self._awake.wait(KEEP_ALIVE_SECONDS)
                continue
            self._tell(topics)
            pause.wait(READ_EVERY_SECONDS)

    def _tell(self, topics: frozenset[Topic]) -> None:
        try:
            found = self._read(topics)
        except StoreUnavailable as error:
            found = {topic: {"unavailable": error.detail} for topic in topics}
        with self._lock:
            for topic, message in found.items():
                if message is None or self._last.get(topic) != message:
                    self._tell_topic(topic, message)

    def _tell_topic(self, topic: Topic, message: Message | None) -> None:
        if message is not None:
            self._last[topic] = message
        for listener in self._listeners:
            if listener.topic == topic:
                listener.put(message)

    def stream(self, topic: Topic, last: Callable[[Message], bool] = lambda _: False) -> Response:
        """A response of server-sent events: the state now, then each change, until one that is `last`."""
        return Response(self._events(topic, last), content_type="text/event-stream", headers=NO_BUFFERS)

    def _events(self, topic: Topic, last: Callable[[Message], bool]) -> Iterator[str]:
        listener = self.join(topic)
        try:
            yield "retry: 1000\n\n"
            while True:
                try:
                    message = listener.box.get(timeout=KEEP_ALIVE_SECONDS)
                except queue.Empty:
                    yield ": still here\n\n"
                    continue
                if message is None:
                    return
                yield f"data: {json.dumps(message)}\n\n"
                if last(message):
                    return
        finally:
            self.leave(listener)


NO_BUFFERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
