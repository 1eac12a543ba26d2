"""A service on granian, the real server that it runs on everywhere."""

from __future__ import annotations

import errno
import gc
import logging
import resource
import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from importlib import import_module
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from donebit import config, logs
from donebit.addresses import host_in_url
from donebit.config import Settings
from donebit.errors import ConfigurationError, DonebitError, StoreUnavailable, stop_program
from donebit.store import Store
from donebit.store.store import refusals_as_configuration, refuse_unfit
from donebit.traces import traces
from donebit.web.front.door import FrontDoor
from donebit.web.front.pool import CHECKS
from donebit.web.guard import refuse_open_address
from donebit.web.main_process import end_after_main
from donebit.web.prefix import prefix_of, refuse_own_path
from donebit.web.process_figures import share_figures
from donebit.web.questions import asking

KILL_AFTER_SECONDS = 3  # open event streams would hold a graceful stop up for ever
# A thread that computes an answer keeps Python from the others for so long. With the 5 ms of the default a
# mark that comes meanwhile would wait for 20, as it changes threads four times. With less than this, the many
# threads of callers without a token would leave the event loop too little.
SWITCH_SECONDS = 0.001
MOST_HEAD_BYTES = 64 * 1024  # of a request's head; also what is held of a connection that nobody reads
BACKLOG = 4096  # connections that the system holds until they are taken; it may bound them itself
PARTS_OF_CONNECTIONS = 4  # of which one address may have one without a token
FILES_BESIDE = 128  # open files of a process that are neither a client's connection nor one to Redis

log = logging.getLogger(__name__)


def serve(
    factory: str,
    port_setting: str,
    check: Callable[[Settings], object] = lambda settings: settings,
    *,
    questions: bool = False,
) -> None:
    """Serve the application that `factory` ("module:function") makes, until it is stopped.

    Args:
        questions: whether it answers questions that are to be computed beside it
        check: raises a ConfigurationError for what the application could not be made with: here it is
            one sentence, and in the server's own process it would be a traceback.

    Exits with 2 and one sentence when a setting, or the server's own, cannot be worked with.
    """
    try:
        settings = config.load()
        logs.set_up(settings)
        traces.set_up(settings, program_of(factory))
        refuse_open_address(settings)
        check(settings)
        port = getattr(settings, port_setting)
        host = check_port(settings.host, port, port_setting.upper())
        check_prefix(factory, settings)
        own = Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1)
        check_server(own, settings.zone, settings.broker_url)
    except DonebitError as error:
        stop_program(error.detail)
    # The server takes an address alone, and no name such as localhost.
    listen(factory, port, settings.model_copy(update={"host": host}), questions=questions)


def listen(factory: str, port: int, settings: Settings, *, questions: bool) -> None:
    """Take requests on a port until the process is stopped."""
    share_memory(factory)
    log.info("%s answers on http://%s:%d/", factory.partition(":")[0], host_in_url(settings.host), port)
    several, connections = settings.web_processes > 1, connections_at_once(settings)
    with TemporaryDirectory(prefix="donebit-") if several else nullcontext() as folder:
        loader = partial(make_door, port=port, connections=connections, figures=folder, questions=questions)
        serve_requests(factory, port, connections, settings, loader)


def serve_requests(
    factory: str, port: int, connections: int, settings: Settings, loader: Callable[[str], FrontDoor]
) -> None:
    """Run the processes of a service until this one is stopped.

    Args:
        factory: makes the application
        port: that they share
        connections: that each takes at once
        settings: of the service
        loader: is called with the factory, in each process
    """
    server = Granian(
        factory,
        address=settings.host,
        port=port,
        interface=Interfaces.ASGINL,
        workers=settings.web_processes,
        respawn_failed_workers=settings.web_processes > 1,  # a single one ends the service, as it ever did
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(settings.header_timeout / timedelta(milliseconds=1)),
            max_buffer_size=MOST_HEAD_BYTES,
        ),
        workers_kill_timeout=KILL_AFTER_SECONDS,
        log_enabled=False,
        backlog=BACKLOG,
        backpressure=connections,
        websockets=False,
    )
    show_errors_of_server()
    server.serve(target_loader=loader)


def show_errors_of_server() -> None:
    """Log that a process which serves has ended, and why the service ends with it.

    In the process that starts the others alone: in those the server says nothing, as each sets it up itself.
    """
    of_server = logging.getLogger("_granian")
    of_server.handlers[:], of_server.propagate = [], True
    of_server.setLevel(logging.ERROR)
    of_server.addFilter(_explained)


def _explained(record: logging.LogRecord) -> bool:
    """Say what the server calls a worker, as those of tasks are others."""
    record.msg = f"a process of this service has ended: {record.msg}"
    return True


def share_memory(factory: str) -> None:
    """Have the process that is forked to serve share with this one what both hold.

    A collection would write to all of it, and so copy it.
    """
    import_module(factory.partition(":")[0])
    gc.collect()
    gc.freeze()


def make_door(
    factory: str, port: int, connections: int, figures: str | None = None, *, questions: bool = False
) -> FrontDoor:
    """Make the application in the process that serves it.

    Args:
        factory: makes it, as "module:function"
        port: that it listens on
        connections: that it takes at once
        figures: the folder in which the processes of a service lay theirs; None where there is one process
        questions: whether some are computed beside it
    """
    settings = config.load()
    processes = asking.start(settings) if questions else None  # before there are threads
    end_after_main(KILL_AFTER_SECONDS)
    traces.set_up(settings, program_of(factory))
    Finalize(None, traces.end, exitpriority=0)
    sys.setswitchinterval(SWITCH_SECONDS)
    module, _, function = factory.partition(":")
    app = getattr(import_module(module), function)(settings)
    if figures is not None:
        share_figures(app, Path(figures))
    asking.register(app, processes)
    door = FrontDoor(app, settings)
    door.bound_connections(port, max(1, connections // PARTS_OF_CONNECTIONS))
    return door


def program_of(factory: str) -> str:
    """The program whose application `factory` makes, such as `done_app`."""
    return factory.partition(".")[0]


def connections_at_once(settings: Settings) -> int:
    """How many connections the service takes: as many as are set, and as the limit of open files allows.

    The limit is raised as far as the system lets this process, and those that it starts, raise it.
    """
    needed = settings.max_connections + settings.web_threads + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning(
            "at most %d files may be open (ulimit -n), so fewer connections than MAX_CONNECTIONS are taken",
            soft,
        )
    return max(1, min(settings.max_connections, soft - settings.web_threads - FILES_BESIDE))


def check_port(host: str, port: int, setting: str) -> str:
    """Refuse an address that cannot be listened on.

    Returns:
        The host as an IP address, which it is or has in the system's look-up.

    Raises:
        ConfigurationError: another process has the port, or the address is not of this machine.
    """
    try:
        family, *_, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(f"port {port} is taken; {setting} can name another") from None
        reason = f"{error.strerror} (HOST and {setting})"
        raise ConfigurationError(f"cannot listen on port {port} of {host!r}: {reason}") from None
    return str(found[0])


def check_prefix(factory: str, settings: Settings) -> None:
    """Refuse a prefix that is a path of the service itself; the service is made here only if it has one."""
    module, _, function = factory.partition(":")
    if prefix := prefix_of(program_of(factory), settings):
        refuse_own_path(getattr(import_module(module), function)(settings), prefix)


def check_server(store: Store, zone: str, broker_url: str) -> None:
    """Refuse a server that would lose marks, or whose days begin elsewhere; wait for one that is away.

    Args:
        broker_url: as it is set, empty where it is not
    """
    try:
        with refusals_as_configuration():
            refuse_unfit(store, broker_url)
            store.activity_layout.refuse_other(zone)
            store.activity_layout.keep_zone_rules(zone)
            if warning := store.activity_layout.zone_warning():
                log.warning("%s", warning)
    except StoreUnavailable as error:
        log.warning("%s; answers are 503 until it is back", error.detail)


def service_store(settings: Settings) -> Store:
    """The store of a service process: a connection for every thread, so that none waits for another."""
    # The one that reads for all event streams, and the one that sends reports which arrive together.
    threads = settings.web_threads + CHECKS + 2
    return Store.at(
        settings.redis_url,
        prefix=settings.key_prefix,
        connections=threads,
        replicas=settings.wait_replicas,
        only_if_fit=True,
    )
