"""What the worker does as it starts and stops: checks, logging, heartbeats, monitor and couriers."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
from datetime import timedelta
from functools import cache
from typing import Any, NoReturn

from celery import signals

from done_app.worker import children, identity, pool, sign_of_life
from done_app.worker.clock_watch import ClockWatch
from done_app.worker.deliveries.channels import Channels
from done_app.worker.deliveries.courier import Courier
from done_app.worker.leases import LeaseKeeper
from done_app.worker.permits import PermitKeeper
from done_app.worker.reconnect import ConsumerWatchdog
from done_app.worker.step_messages import limits_of
from done_app.worker.worker_app import app, jobs, monitor, publisher, settings, store
from donebit import logs, queue
from donebit.errors import ConfigurationError, DonebitError, StoreUnavailable, stop_program
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT, refuse_unfit
from donebit.traces import traces

HEARTBEAT_EVERY_SECONDS = 5.0
ASK_AGAIN_SECONDS = 1.0  # a server that is away at the start
COURIER_CONNECTIONS = 32
PERMIT_TIMEOUT = timedelta(seconds=0.5)  # who has lost a permit is ended within a second
KEEPER_TIMEOUT = timedelta(seconds=1)  # a lease must be renewed again soon

log = logging.getLogger(__name__)
# Its connections are made when its thread first needs them, after the fork.
keeper = LeaseKeeper(
    Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, timeout=KEEPER_TIMEOUT), publisher
)
permit_keeper = PermitKeeper(
    Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, timeout=PERMIT_TIMEOUT), limits_of
)
app.steps["consumer"].add(ConsumerWatchdog)


@signals.setup_logging.connect
def set_up_logs(**_: Any) -> None:
    logs.set_up(settings)
    monitor.add_handler()


@signals.worker_init.connect
def check_pool(sender: Any, **_: Any) -> None:
    """Check before anything is started that the pool can keep what is promised of steps."""
    try:
        pool.refuse_unfit(sender.pool_cls)
    except ConfigurationError as error:
        stop_program(error.detail)


@signals.worker_init.connect
def start_monitor(sender: Any, **_: Any) -> None:
    """Start the monitor before logging is set up and the pool is forked: both use its pipe."""
    taken_from = sender.app.amqp.queues.consume_from.values()
    names = sorted(one.alias or one.name for one in taken_from)
    try:
        queue.refuse_unknown(names)
    except ConfigurationError as error:
        stop_program(error.detail)
    monitor.start(names)


@signals.worker_before_create_process.connect
def share_memory(**_: Any) -> None:
    """Have the pool's processes share what is there before the first is forked.

    A collection would write to all of it, in whichever process, and so copy it. Once only: to freeze again,
    for a process that replaces a lost one, writes to it too.
    """
    freeze_once()


@cache
def freeze_once() -> None:
    """Exempt all that is there from collections, whatever the process that forked this one has exempted."""
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def report_idle_process(**_: Any) -> None:
    store.cache_clear()  # of the main process, which notes the deaths of others in it
    monitor.emitter.idle()


@signals.worker_process_init.connect
def allow_children_of_steps(**_: Any) -> None:
    children.allow_children()


@signals.worker_process_shutdown.connect
def end_children_of_steps(**_: Any) -> None:
    children.end_children()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def send_last_spans(**_: Any) -> None:
    traces.end()


@signals.worker_shutting_down.connect
def hand_over_steps(**_: Any) -> None:
    """Begin no further step, and send those not begun to other workers: the signal to end has come."""
    keeper.end()


@signals.worker_shutdown.connect
def stop_monitor(**_: Any) -> None:
    monitor.stop()


@signals.worker_init.connect
def check_jobs_and_server(**_: Any) -> None:
    """Check before the first message that the jobs load, and that the server and what it holds are fit.

    SIGTERM ends that: Celery heeds it only later, and the first process of a container has no other handler.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        jobs()
        await_fit_server("the worker")
    except DonebitError as error:
        stop_program(error.detail)
    finally:
        store.cache_clear()


@signals.beat_init.connect
def check_server(**_: Any) -> None:
    """Check before beat's first message that the server is fit; `--beat` of a worker has checked it."""
    try:
        await_fit_server("beat")
    except DonebitError as error:
        stop_program(error.detail)


def await_fit_server(who: str) -> None:
    """Wait for a server that is away: what it holds may be for another version, or not whole.

    Raises:
        ConfigurationError: it is unfit.
    """
    has_waited = False
    while True:
        try:
            refuse_unfit(store(), settings.broker_url)
        except StoreUnavailable as error:
            if not has_waited:
                log.warning("%s; %s waits for it", error.in_full, who)
            has_waited = True
            time.sleep(ASK_AGAIN_SECONDS)
        else:
            return


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


@signals.worker_ready.connect
def start_threads(sender: Any, **_: Any) -> None:
    """Start the threads of the main process: heartbeats, the collector, and a courier for each channel."""
    threading.Thread(target=_send_heartbeats, name="heartbeats", daemon=True).start()
    monitor.start_collecting(
        Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1),
        sender.controller.concurrency,
        [one.name for one in jobs()],
    )
    threading.Thread(target=keeper.run_forever, name="leases", daemon=True).start()
    threading.Thread(target=permit_keeper.run_forever, name="permits", daemon=True).start()
    own = Store.at(
        settings.redis_url,
        prefix=settings.key_prefix,
        connections=COURIER_CONNECTIONS,
        timeout=WORKER_TIMEOUT,
        replicas=settings.wait_replicas,
        goes_on=True,
    )
    others = queue.make_celery(settings, prefixed=False)  # callbacks are functions of other applications
    for kind, send in Channels(own, others, publisher, settings).by_kind.items():
        courier = Courier(own, kind, send)
        threading.Thread(target=courier.run_forever, name=f"courier {kind}", daemon=True).start()


def _send_heartbeats() -> None:
    own = Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, timeout=WORKER_TIMEOUT)
    pause, watch = threading.Event(), ClockWatch(own, identity.name)
    while True:
        sign_of_life.give(own, watch)
        pause.wait(HEARTBEAT_EVERY_SECONDS)
