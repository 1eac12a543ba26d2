"""The pool of a store's connections to one server."""

from __future__ import annotations

import os
from contextlib import suppress
from queue import Empty
from typing import cast

from redis import BlockingConnectionPool

from donebit.store.connections import CheckedConnection, is_silent


class LendingPool(BlockingConnectionPool):
    """The connections of a store, which also lends one without counting it.

    redis-py counts for telemetry what is lent, what is idle and how long each waited, though nobody collects
    it: a third of the time of a loan.
    """

    def lend(self) -> CheckedConnection:
        """Lend a connection that is ready to send a command, as get_connection does."""
        self._checkpid()
        with suppress(Empty):
            connection = self.pool.get_nowait()
            ready = False
            try:
                if connection is not None:
                    connection.connect()
                    ready = is_silent(connection)
            finally:
                if not ready:  # the last in is the next out: get_connection makes it anew
                    self.pool.put_nowait(connection)
            if ready:
                return cast(CheckedConnection, connection)
        return cast(CheckedConnection, self.get_connection())  # type: ignore[no-untyped-call]  # as above

    def take_back(self, connection: CheckedConnection) -> None:
        """Take back a connection that was lent, as release does."""
        if connection.should_reconnect() or self.pid != os.getpid():  # type: ignore[no-untyped-call]  # as above
            self.release(connection)  # type: ignore[no-untyped-call]  # as above
        else:
            self.pool.put_nowait(connection)
