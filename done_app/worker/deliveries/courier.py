"""Telling ends to those who asked: what is due is taken from the store and tried, many at a time.

In threads of the worker's main process, so that a receiver which lets them wait keeps no step from running.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from donebit import clock, logs
from donebit.completion import deliveries
from donebit.completion.deliveries import ClaimedDelivery, Delivery, DeliveryRefused
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.deliveries import Name

THREADS = 8  # for each kind of telling: one must not wait behind a slow other
LOOK_EVERY_SECONDS = 0.2

Send = Callable[[Delivery], str]  # what came of it; raises when it did not arrive

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Courier:
    """Tries what is due of one kind, by the way that kind is sent.

    Any number of couriers may be at work: the store gives each delivery to one at a time.
    """

    store: Store
    kind: str
    send: Send
    under_way: set[Name] = field(default_factory=set)

    def run_for_ever(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self.look()
            except StoreUnavailable as error:
                log.warning("telling ends by %s is put off: %s", self.kind, error.detail)
            except Exception:
                log.exception("what is due by %s cannot be read", self.kind)
            pause.wait(LOOK_EVERY_SECONDS)

    def look(self) -> None:
        """Try what is due, each in a thread of its own, as far as there may be more of them.

        Not in a pool: a worker that is told to end would wait for its threads, as long as the slowest
        receiver does. What is cut short is tried again when its lease is over.
        """
        for name in deliveries.due(self.store, self.kind, THREADS - len(self.under_way)):
            if name not in self.under_way:
                self.under_way.add(name)
                threading.Thread(target=self._try, args=(name,), name="courier", daemon=True).start()

    def _try(self, name: Name) -> None:
        try:
            with logs.task_context(name.task_id):
                if taken := deliveries.take(self.store, name):
                    self.deliver(taken)
        except StoreUnavailable as error:  # the lease ends, and another courier comes
            log.warning("what became of telling %s is not kept: %s", name.member, error.detail)
        except Exception:
            log.exception("%s cannot be told", name.member)
        finally:
            self.under_way.discard(name)

    def deliver(self, taken: ClaimedDelivery) -> None:
        """Try once, and write down what came of it."""
        delivery = taken.delivery
        try:
            said = self.send(delivery)
        except DeliveryRefused as error:
            deliveries.give_up(self.store, taken, str(error))
            log.error(
                "%s to %s is given up [%s]: %s", self.kind, delivery.to, delivery.announcement_id, error
            )
        except Exception as error:
            self._put_off(taken, error)
        else:
            deliveries.delivered(self.store, taken, said)
            log.info("%s to %s: %s [%s]", self.kind, delivery.to, said, delivery.announcement_id)

    def _put_off(self, taken: ClaimedDelivery, error: Exception) -> None:
        delivery = taken.delivery
        again_at = deliveries.failed(self.store, taken, str(error) or type(error).__name__)
        then = f"again at {clock.iso(again_at)}" if again_at else "given up"
        log.warning("%s to %s, %s [%s]: %s", self.kind, delivery.to, then, delivery.announcement_id, error)
