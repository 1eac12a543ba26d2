"""One client of an event stream, and what it has not taken yet."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Topic = str
Message = dict[str, Any]
Table = Mapping[str, Message]  # messages by what they are about
Choice = Callable[[Message], bool]

# What may wait for one client. Beyond it the client has taken nothing for as many tasks: its stream ends,
# and when it comes again it begins anew.
MOST_WAITING = 10_000
OUTAGE = ""  # what a message about Redis itself is about


def every(_: Message) -> bool:
    return True


def none(_: Message) -> bool:
    return False


class Texts(dict[str, str]):
    """The messages of a table as events, each written once however many clients are told."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, key: str) -> str:
        text = self[key] = event(self._table[key])
        return text


class Listener:
    """Holds the newest message of each thing, not each message: a slow client gets fewer, never more."""

    def __init__(self, topic: Topic, wanted: Choice, opening: Choice, last: Choice) -> None:
        """
        Args:
            wanted: which messages it gets at all; asked once for each, in the order of the table
            opening: which of those that it is told first, of all there are
            last: the message after which its stream ends
        """
        self.topic = topic
        self._caught_up = False  # it has been told how all things are, and hears of changes from now on
        self._told_outage = False
        self._wanted, self._opening, self._last = wanted, opening, last
        self._waiting: dict[str, str] = {}
        self._over = False
        self._news = threading.Condition()

    def tell(self, table: Table, changed: Iterable[str], texts: Texts) -> None:
        """What has changed; all that there is, if it is not caught up."""
        news = set(changed)
        if not self._caught_up:
            news |= {key for key, message in table.items() if self._opening(message)}
        chosen = [key for key in table if key in news and self._wanted(table[key])]
        self._caught_up, self._told_outage = True, False
        self.put({key: texts[key] for key in chosen}, most=MOST_WAITING + len(table))
        if any(self._last(table[key]) for key in chosen):
            self.end()

    def tell_outage(self, detail: str) -> None:
        """Once; when it is over, it is told how all things are then."""
        if not self._told_outage:
            self.put({OUTAGE: event({"unavailable": detail})})
        self._caught_up, self._told_outage = False, True

    def put(self, news: Mapping[str, str], most: int = MOST_WAITING) -> None:
        """Leave these to be taken; of one thing the newest only, and in the order of their coming."""
        with self._news:
            for key, text in news.items():
                self._waiting.pop(key, None)
                self._waiting[key] = text
            self._over = self._over or len(self._waiting) > most
            self._news.notify()

    def end(self) -> None:
        """Nothing comes after what waits now."""
        with self._news:
            self._over = True
            self._news.notify()

    def take(self, within_seconds: float) -> tuple[str, bool]:
        """What waits, as soon as something does; and whether that was all for ever."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._over, within_seconds)
            taken, self._waiting = self._waiting, {}
            return "".join(taken.values()), self._over


def event(message: Message) -> str:
    return f"data: {json.dumps(message)}\n\n"
