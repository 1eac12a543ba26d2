"""One of the services in a granian process for one benchmark, stopped afterwards."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from benchmarks.waiting import wait_until
from donebit.addresses import LOOPBACK, address
from donebit.demo.ports import free_server_port
from donebit.demo.probes import health_is_ok


@contextmanager
def own_service(client: Redis, program: str = "distinct_app") -> Iterator[http.client.HTTPConnection]:
    """Start it on the client's server, and give a connection to it."""
    port, server = free_server_port(), client.connection_pool.connection_kwargs["port"]
    port_setting = f"{program.removesuffix('_app').upper()}_PORT"
    settings = {port_setting: str(port), "REDIS_URL": f"redis://{LOOPBACK}:{server}/0"}
    process = subprocess.Popen(
        [sys.executable, "-m", program],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    try:
        wait_until(health_is_ok(address(LOOPBACK, port), program))
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait()


def post(connection: http.client.HTTPConnection, path: str, body: bytes, content_type: str) -> bytes:
    """
    Raises:
        RuntimeError: The answer is not 200.
    """
    connection.request("POST", path, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"POST {path} was answered with {answer.status}: {said!r}")
    return said
