"""A replica of a test's own server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from donebit.addresses import LOOPBACK
from tests.servers import LASTING, RunningServer, running, valkey_binary


@contextmanager
def replica_of(primary: RunningServer, folder: Path) -> Iterator[RunningServer]:
    """Give a server a replica, which has to get its data first.

    No test kills it: what it confirms need not wait for its disk, which others may keep busy.
    """
    folder.mkdir()
    with running(valkey_binary(), folder, LASTING) as replica:
        primary.client.config_set("repl-diskless-sync-delay", 0)
        replica.client.replicaof(LOOPBACK, str(primary.port))
        yield replica


def is_copied(replica: RunningServer) -> bool:
    """Whether it has its primary's data: one that is promoted before is empty.

    A node that has just been started again is a primary until the others tell it that it is none.
    """
    return bool(replica.client.info("replication").get("master_link_status") == "up")
