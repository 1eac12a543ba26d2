"""A service on granian, the real server that it runs on everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

from granian import Granian
from granian.constants import Interfaces

from donebit import config, logs
from donebit.config import Settings
from donebit.errors import DonebitError, StoreUnavailable, stop_program
from donebit.store import Store
from donebit.store.store import refusals_as_configuration, refuse_unfit
from donebit.web.guard import refuse_open_address
from donebit.web.prefix import prefix_of, refuse_own_path

KILL_AFTER_SECONDS = 3  # open event streams would hold a graceful stop up for ever
# Browsers keep connections open that they ask nothing on. With as many as threads allowed, they and the
# open streams kept everybody else out; four times as many would be more files than a process may open.
CONNECTIONS_A_THREAD = 2

log = logging.getLogger(__name__)


def serve(
    factory: str, port_setting: str, check: Callable[[Settings], object] = lambda settings: settings
) -> None:
    """Serve the application that `factory` ("module:function") makes, until it is stopped.

    Args:
        check: raises a ConfigurationError for what the application could not be made with: here it is
            one sentence, and in the server's own process it would be a traceback.

    Exits with 2 and one sentence when a setting, or the server's own, cannot be worked with.
    """
    try:
        settings = config.load()
        logs.set_up(settings)
        refuse_open_address(settings)
        check(settings)
        check_prefix(factory, settings)
        check_server(Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1), settings.zone)
    except DonebitError as error:
        stop_program(error.detail)
    port = getattr(settings, port_setting)
    log.info("%s answers on http://%s:%d/", factory.partition(":")[0], settings.host, port)
    Granian(
        factory,
        factory=True,
        address=settings.host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=settings.web_threads,
        workers_kill_timeout=KILL_AFTER_SECONDS,
        log_enabled=False,
        backpressure=CONNECTIONS_A_THREAD * settings.web_threads,
        websockets=False,
    ).serve()


def check_prefix(factory: str, settings: Settings) -> None:
    """Refuse a prefix that is a path of the service itself; the service is made here only if it has one."""
    module, _, function = factory.partition(":")
    if prefix := prefix_of(module.partition(".")[0], settings):
        refuse_own_path(getattr(import_module(module), function)(settings), prefix)


def check_server(store: Store, zone: str) -> None:
    """Refuse a server that would lose marks, or whose days begin elsewhere; wait for one that is away."""
    try:
        with refusals_as_configuration():
            refuse_unfit(store)
            store.visits.refuse_other_layout(zone)
            store.visits.keep_zone_rules(zone)
            if warning := store.visits.zone_warning():
                log.warning("%s", warning)
    except StoreUnavailable as error:
        log.warning("%s; answers are 503 until it is back", error.detail)


def service_store(settings: Settings) -> Store:
    """The store of a service process: a connection for every thread, so that none waits for another."""
    return Store.at(settings.redis_url, prefix=settings.key_prefix, connections=settings.web_threads)
