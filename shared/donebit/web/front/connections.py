"""Ends connections of one address that are too many, and on which nobody with a token has asked anything.

The listener takes connections, bounds them in all, and says nothing of one before a request's head is there.
But all of them are open files of this process: so it can be seen whose they are, and one can be shut down.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from donebit.networks import network_of
from donebit.throttled_log import Intervals
from donebit.web.front.proxies import TrustedProxies

OPEN_FILES = Path("/dev/fd")
CHECK_EVERY_SECONDS = 0.5
LINE_EVERY = timedelta(minutes=1)  # about what keeps them from being looked at, which may last

Peer = tuple[str, str]  # an address and a port, as the listener says it

log = logging.getLogger(__name__)


class Connections:
    """The connections of clients to a port of this process."""

    def __init__(
        self,
        port: int,
        most_of_one: int,
        known: set[Peer],
        proxies: TrustedProxies,
        note: Callable[[str, int], None],
    ) -> None:
        """
        Args:
            port: that the service listens on
            most_of_one: how many may be of an address, without those in `known`
            known: whose who has a token, or needs none, has asked something; those that are gone are removed
            proxies: whose connections are not bounded, as they are of many clients
            note: is called with an address, and how many of its connections were ended
        """
        self._port, self._most_of_one, self._known = port, most_of_one, known
        self._proxies, self._note = proxies, note
        self._strangers: list[Peer] = []  # at the check before, the oldest first
        self._lines = Intervals(LINE_EVERY)

    def watch(self) -> None:
        """Bound them from now on, by a thread."""
        threading.Thread(target=self._watch, name="connections", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_EVERY_SECONDS)
            try:
                self.check()
            except Exception:  # no file may be free; without this thread nothing would be bounded any more
                if self._lines.is_due("check"):
                    log.exception("the connections cannot be looked at")

    def check(self) -> None:
        """End what is beyond the bound: the oldest of those that were strangers at the check before too.

        Who has just come may be about to ask.
        """
        files, knew = open_files(), self._known.copy()
        if max(len(files), len(knew)) <= self._most_of_one:  # no address can be beyond it
            self._strangers = []
            return
        here = dict(self._here(files))
        strangers = [peer for peer in self._strangers if peer in here and peer not in self._known]
        beyond = self._beyond(strangers)
        for peer in beyond:
            shut_down(here[peer], peer)
        for address, number in Counter(address for address, _ in beyond).items():
            self._note(address, number)
        others = [peer for peer in here if peer not in self._known]
        self._strangers = list(dict.fromkeys([*strangers, *others]))
        self._known.difference_update(knew - here.keys())

    def _here(self, files: list[int]) -> Iterator[tuple[Peer, int]]:
        """Whose connections there are, and the file of each."""
        for number in files:
            with suppress(OSError), closing(duplicate(number)) as one:  # it is gone, or something else
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == self._port:
                    yield peer_of(one), number

    def _beyond(self, strangers: list[Peer]) -> list[Peer]:
        counts, beyond = Counter[str](), []
        for peer in reversed(strangers):
            counts[network_of(peer[0])] += 1
            if counts[network_of(peer[0])] > self._most_of_one and not self._proxies.has(peer[0]):
                beyond.append(peer)
        return beyond


def open_files() -> list[int]:
    """The numbers of all open files of this process."""
    return sorted(int(one.name) for one in OPEN_FILES.iterdir())


def duplicate(file: int) -> socket.socket:
    """Another file of a connection, which stays that one though the listener closes its own.

    Raises:
        OSError: it is no socket.
    """
    copy = os.dup(file)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def peer_of(connection: socket.socket) -> Peer:
    """Raises OSError if it is not connected, or not any more."""
    address, port, *_ = connection.getpeername()
    return address.partition("%")[0], str(port)


def shut_down(file: int, peer: Peer) -> None:
    """End the connection of a file, if it is that one still."""
    with suppress(OSError), closing(duplicate(file)) as one:
        if peer_of(one) == peer:
            one.shutdown(socket.SHUT_RDWR)
