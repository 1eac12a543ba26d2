"""What the worker does as it starts and ends: check, set up logs, show itself, deliver ends."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import signals

from done_app.worker.celery_tasks import app, known_jobs, publisher, settings, show, store
from done_app.worker.deliveries.channels import Channels
from done_app.worker.deliveries.courier import Courier
from done_app.worker.reconnect import ConsumerWatchdog
from donebit import clock, logs, queue
from donebit.errors import DonebitError, StoreUnavailable
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT, refuse_unfit

PULSE_EVERY_SECONDS = 5.0
COURIER_CONNECTIONS = 32

log = logging.getLogger(__name__)
app.steps["consumer"].add(ConsumerWatchdog)


@signals.setup_logging.connect
def set_up_logs(**_: Any) -> None:
    logs.set_up(settings)
    show.add_handler()


@signals.worker_init.connect
def begin_to_show(sender: Any, **_: Any) -> None:
    """Before the pool is forked, and before its logs are set up."""
    show.begin(sorted(sender.app.amqp.queues.consume_from))


@signals.worker_process_init.connect
def show_process(**_: Any) -> None:
    show.voice.idle()


@signals.worker_shutdown.connect
def end_showing(**_: Any) -> None:
    show.end()


@signals.worker_init.connect
def refuse_what_cannot_work(**_: Any) -> None:
    """Before the first message: the jobs load, and the server keeps what it acknowledges."""
    try:
        known_jobs()
        refuse_unfit(store())
    except StoreUnavailable as error:
        log.warning("%s; the worker waits for it", error.detail)
    except DonebitError as error:
        raise SystemExit(error.detail) from None
    finally:
        store.cache_clear()


@signals.worker_ready.connect
def begin_beside_the_pool(sender: Any, **_: Any) -> None:
    """Show from now on that a worker is there, and tell ends to those who asked."""
    threading.Thread(target=_pulse, name="pulse", daemon=True).start()
    show.keep(
        Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1), sender.controller.concurrency
    )
    own = Store.at(
        settings.redis_url,
        prefix=settings.key_prefix,
        connections=COURIER_CONNECTIONS,
        timeout=WORKER_TIMEOUT,
    )
    others = queue.make_celery(settings, prefixed=False)  # callbacks are functions of other applications
    for kind, send in Channels(own, others, publisher, settings).by_kind.items():
        courier = Courier(own, kind, send)
        threading.Thread(target=courier.run_for_ever, name=f"courier of {kind}", daemon=True).start()


def _pulse() -> None:
    own = Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, timeout=WORKER_TIMEOUT)
    pause = threading.Event()
    while True:
        try:
            own.heartbeats.beat("worker", clock.now_ms())
        except StoreUnavailable as error:
            log.warning("the worker's pulse is put off: %s", error.detail)
        pause.wait(PULSE_EVERY_SECONDS)
