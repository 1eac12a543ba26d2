"""One client of an event stream, and the messages it has not taken yet."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Topic = str
Message = dict[str, Any]
Table = Mapping[str, Message]  # the current message of each thing, by its key
MessageFilter = Callable[[Message], bool]

# What may wait for one client. Beyond it the client has taken nothing for as many tasks: its stream ends,
# and when it reconnects it starts from the current state.
MOST_WAITING = 10_000
OUTAGE = ""  # the key of a message about Redis itself


def every(_: Message) -> bool:
    return True


def none(_: Message) -> bool:
    return False


def _nobody() -> None:
    return


def _anybody() -> bool:
    return True


class Texts(dict[str, str]):
    """The messages of a table as server-sent events, each written once for all clients."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, key: str) -> str:
        text = self[key] = event(self._table[key])
        return text


class Listener:
    """Holds only the newest message of each key: a slow client gets fewer messages, never more."""

    def __init__(
        self, topic: Topic, wanted: MessageFilter, opening: MessageFilter, last: MessageFilter
    ) -> None:
        """
        Args:
            topic: what it listens to
            wanted: which messages it gets at all; called once for each, in the order of the table
            opening: which of those it gets first, of all there are
            last: whether its stream ends after this message
        """
        self.topic = topic
        self._caught_up = False  # it has got the current state, and gets only changes from now on
        self._knows_outage = False
        self._wanted, self._opening, self._last = wanted, opening, last
        self._waiting: dict[str, str] = {}
        self._over = False
        self._news = threading.Condition()
        self.is_allowed: Callable[[], bool] = _anybody  # asked now and then; the stream ends if it is not
        self.wake: Callable[[], None] = _nobody  # called with each news, by whichever thread has it

    def offer(self, table: Table, changed: Iterable[str], texts: Texts) -> None:
        """Queue what has changed, or the whole current state if it has not caught up."""
        news = set(changed)
        if not self._caught_up:
            news |= {key for key, message in table.items() if self._opening(message)}
        chosen = [key for key in table if key in news and self._wanted(table[key])]
        self._caught_up, self._knows_outage = True, False
        self.put({key: texts[key] for key in chosen}, most=MOST_WAITING + len(table))
        if any(self._last(table[key]) for key in chosen):
            self.end()

    def offer_outage(self, detail: str) -> None:
        """Queue the outage once; after it the whole current state follows."""
        if not self._knows_outage:
            self.put({OUTAGE: event({"unavailable": detail})})
        self._caught_up, self._knows_outage = False, True

    def put(self, news: Mapping[str, str], most: int = MOST_WAITING) -> None:
        """Queue messages: only the newest of each key, in the order of arrival."""
        with self._news:
            for key, text in news.items():
                self._waiting.pop(key, None)
                self._waiting[key] = text
            self._over = self._over or len(self._waiting) > most
            self._news.notify()
            has_news = self._over or bool(self._waiting)
        if has_news:
            self.wake()

    def end(self) -> None:
        """End the stream after what is queued now."""
        with self._news:
            self._over = True
            self._news.notify()
        self.wake()

    def take(self, within_seconds: float) -> tuple[str, bool]:
        """Take what is queued, waiting for it if need be.

        Args:
            within_seconds: how long to wait at most

        Returns:
            The events as text, empty if none came, and whether the stream has ended.
        """
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._over, within_seconds)
            taken, self._waiting = self._waiting, {}
            return "".join(taken.values()), self._over


def event(message: Message) -> str:
    return f"data: {json.dumps(message)}\n\n"
