"""The processes that compute questions, and the one that forks them.

That one is forked before the service has threads, and has none itself. A process that it forks has all
that is imported already, and shares the memory of it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from donebit import deadline
from donebit.activity.site import Site
from donebit.config import Settings
from donebit.deadline import Deadline
from donebit.errors import DonebitError
from donebit.orphans import end_with_parent
from donebit.store import Store
from donebit.web.front.connections import open_files

UNUSED_SECONDS = 60.0  # without a question a process ends
NICENESS = 5  # marks come first
FIRST_FILE = 3  # after the standard ones

log = logging.getLogger(__name__)


class Call(NamedTuple):
    """A function of a site, and what it is given besides."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __call__(self, site: Site) -> Any:
        """Call it."""
        return self.function(site, *self.args, **self.kwargs)


class Outcome(NamedTuple):
    """What came of a question: its answer, or an error and what led to it."""

    answer: Any = None
    error: Exception | None = None
    cause: BaseException | None = None


def fork_for_each(requests: socket.socket, settings: Settings) -> None:
    """Fork a process for each connection that comes, until the service is gone."""
    close_all_but(requests.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):  # which may go to all: the service ends first
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that none stays as a zombie
    while (asked := socket.recv_fds(requests, 1, 1))[0]:
        (file,) = asked[1]
        try:
            if not os.fork():
                requests.close()
                begin(Connection(file), settings)
        except OSError:  # there is no room for one more: who asked sees the connection closed
            log.exception("no process for questions")
        os.close(file)


def close_all_but(file: int) -> None:
    """Close what a fork has from the service: its port, and its own end of the connection."""
    for number in open_files():  # not each that the system would allow: that may be a thousand million
        if number >= FIRST_FILE and number != file:
            with suppress(OSError):  # that of the listing is closed
                os.close(number)


def begin(connection: Connection, settings: Settings) -> None:
    """Answer the questions that come, and end this process."""
    try:
        end_with_parent()
        os.nice(NICENESS)
        store = Store.at(settings.redis_url, prefix=settings.key_prefix, connections=1, only_if_fit=True)
        site = Site.of(store, settings)
        with suppress(EOFError, OSError):  # nobody asks any more
            connection.send(os.getpid())
            while connection.poll(UNUSED_SECONDS):
                connection.send(outcome_of(site, *connection.recv()))
    except BaseException:
        log.exception("a process that computes questions has failed")
    finally:
        os._exit(0)


def outcome_of(site: Site, call: Call, until: Deadline | None) -> Outcome:
    """Call a function, with the time that its question has."""
    deadline.go_on(until)
    try:
        return Outcome(call(site))
    except DonebitError as error:
        return Outcome(error=error, cause=error.__cause__)
    except Exception as error:
        log.exception("a question failed")
        return Outcome(error=error)
