"""A real server for one benchmark, with the settings of `make demo`, stopped afterwards."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from redis import Redis

from benchmarks.waiting import wait_until
from donebit.addresses import LOOPBACK
from donebit.demo import server
from donebit.demo.ports import free_server_port
from donebit.demo.probes import redis_answers
from donebit.store.client import connect

TIMEOUT = timedelta(seconds=60)


@contextmanager
def own_server() -> Iterator[Redis]:
    """Give a client of an empty server with an append-only file."""
    with tempfile.TemporaryDirectory() as folder:
        found = server.choose(None, Path(folder), free_server_port())
        process = subprocess.Popen(found.argv, stdout=subprocess.DEVNULL)
        try:
            wait_until(redis_answers(LOOPBACK, found.port))
            with connect(found.url, connections=4, timeout=TIMEOUT) as client:
                yield client
        finally:
            process.kill()
            process.wait()
