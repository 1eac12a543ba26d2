"""Couriers: claim due deliveries from the store and attempt them, several at a time.

They run in threads of the worker's main process, so that a slow receiver keeps no step from running.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from donebit import clock, logs
from donebit.completion import deliveries
from donebit.completion.deliveries import ClaimedDelivery, DeliveryName
from donebit.completion.delivery import Delivery, DeliveryRefused
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.throttled_log import Intervals
from donebit.traces import traces

MAX_THREADS = 8  # for each channel, and for each of its receivers that is slow: no other waits for that one
MAX_IN_ALL = 64  # for each channel
SLOW_AFTER = timedelta(seconds=2)
CHECK_EVERY_SECONDS = 0.2
LONGEST_WAIT_IN_LINE = timedelta(minutes=5)  # of those that a slow receiver has no room for
LINE_EVERY = timedelta(minutes=1)  # about an outage that lasts

Send = Callable[[Delivery], str]  # returns what the receiver answered; raises when it was not delivered


class NotDelivered(Exception):
    """This attempt failed; the next one may succeed.

    Args:
        why: what came of it.
        wish: how long the receiver asked to be left alone, if it did.
    """

    def __init__(self, why: str, wish: timedelta | None = None) -> None:
        super().__init__(why)
        self.wish = wish


def wish_of(error: Exception) -> timedelta | None:
    return error.wish if isinstance(error, NotDelivered) else None


log = logging.getLogger(__name__)


@dataclass(slots=True)
class UnderWay:
    """An attempt in progress, and to whom, once that is known."""

    receiver: str = ""
    since: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self.since)


def receiver_of(delivery: Delivery) -> str:
    """Who may be slow: the host and port of an address, or what else it is delivered to."""
    return delivery.to.partition("://")[2].partition("/")[0] or delivery.to


@dataclass(slots=True)
class Courier:
    """Attempts the due deliveries of one channel.

    Any number of couriers may run: the store gives each delivery to one at a time.
    """

    store: Store
    kind: str
    send: Send
    in_progress: dict[DeliveryName, UnderWay] = field(default_factory=dict)
    lines: Intervals = field(default_factory=lambda: Intervals(LINE_EVERY))
    ended: threading.Event = field(default_factory=threading.Event)  # an attempt, so there is room
    in_line: Counter[str] = field(default_factory=Counter)  # put off since the receiver's last attempt began

    def run_forever(self) -> None:
        """Start what is due again and again: at once when there is room for more, else after a pause."""
        pause = threading.Event()
        while True:
            self.ended.clear()
            (self.ended if self.look() else pause).wait(CHECK_EVERY_SECONDS)

    def look(self) -> bool:
        """Start an attempt at each due delivery; while none can be read, say so once a minute.

        Returns:
            Whether more may be due.
        """
        try:
            return self.start_due()
        except StoreUnavailable as error:
            if self.lines.is_due("outage"):
                log.warning("deliveries by %s are postponed: %s", self.kind, error.in_full)
        except Exception:
            if self.lines.is_due("error"):
                log.exception("due deliveries by %s cannot be read", self.kind)
        return False

    def start_due(self) -> bool:
        """Start an attempt at each due delivery, in a thread of its own, as far as some are free.

        Not in a pool: a worker that shuts down would wait for the pool's threads, and so for the slowest
        receiver. An attempt that is cut short is repeated when its lease is over.

        Returns:
            Whether there was no room for more.
        """
        room = self._free_threads()
        due = deliveries.list_due(self.store, self.kind, room)
        for name in due:
            if name not in self.in_progress:
                self._start(name)
        return len(due) >= room

    def _free_threads(self) -> int:
        """How many attempts may begin: those that wait for a slow receiver take the place of no other."""
        under_way = list(self.in_progress.values())
        quick = sum(one.age < SLOW_AFTER for one in under_way)
        return max(0, min(MAX_THREADS - quick, MAX_IN_ALL - len(under_way)))

    def _start(self, name: DeliveryName) -> None:
        self.in_progress[name] = UnderWay()
        try:
            threading.Thread(target=self._try, args=(name,), name="courier", daemon=True).start()
        except RuntimeError:  # a system that has no more threads may have one at the next look
            del self.in_progress[name]
            raise

    def _try(self, name: DeliveryName) -> None:
        try:
            with logs.task_context(name.task_id):
                if claimed := deliveries.claim(self.store, name):
                    self._deliver_or_put_off(claimed)
        except StoreUnavailable as error:  # the lease ends, and another courier comes
            log.warning("the result of delivering %s could not be saved: %s", name.member, error.in_full)
            return  # and the next look is not hurried
        except Exception:
            log.exception("%s cannot be delivered", name.member)
            return
        finally:
            del self.in_progress[name]
        self.ended.set()

    def _deliver_or_put_off(self, claimed: ClaimedDelivery) -> None:
        """Deliver, unless the receiver is slow at as many already: then it waits in line."""
        receiver = self.in_progress[claimed.name].receiver = receiver_of(claimed.delivery)
        ages = [one.age for one in list(self.in_progress.values()) if one.receiver == receiver]
        if len(ages) > MAX_THREADS:
            deliveries.put_off(self.store, claimed, self._wait_in_line(receiver, max(ages)))
        else:
            del self.in_line[receiver]
            self.deliver(claimed)

    def _wait_in_line(self, receiver: str, age: timedelta) -> timedelta:
        """How long one more is put off: the more wait, the longer, or nothing else would be looked at."""
        self.in_line[receiver] += 1
        return min(age * (1 + self.in_line[receiver] // MAX_THREADS), LONGEST_WAIT_IN_LINE)

    def deliver(self, claimed: ClaimedDelivery) -> None:
        """Attempt a delivery once and record the result."""
        delivery = claimed.delivery
        about = {"donebit.task_id": delivery.task_id}  # not to whom: an address may hold a secret
        try:
            with traces.span(f"donebit.{self.kind}", about, kind="CLIENT", came_with=delivery.trace):
                result = self.send(delivery)
        except DeliveryRefused as error:
            deliveries.give_up(self.store, claimed, str(error))
            log.error("%s to %s is given up [%s]: %s", self.kind, delivery.to, delivery.end_name, error)
        except Exception as error:
            self._record_failure(claimed, error)
        else:
            deliveries.record_delivered(self.store, claimed, result)
            log.info("%s to %s: %s [%s]", self.kind, delivery.to, result, delivery.end_name)

    def _record_failure(self, claimed: ClaimedDelivery, error: Exception) -> None:
        delivery = claimed.delivery
        said = str(error) or type(error).__name__
        again_at = deliveries.record_failed_attempt(self.store, claimed, said, wish_of(error))
        then = f"again at {clock.iso(again_at)}" if again_at else "given up"
        log.warning("%s to %s, %s [%s]: %s", self.kind, delivery.to, then, delivery.end_name, error)
