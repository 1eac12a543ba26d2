"""A RabbitMQ of the test run's own: a real broker that can be killed, started again and cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from kombu import Connection

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_ports
from donebit.demo.rabbitmq import OwnRabbit, rabbitmq_program
from tests.stack import Stack, started_stack
from tests.started import Started, eventually
from tests.tls import Certificates

START_SECONDS = 90.0  # a machine with other things to do; about 5 on an idle one
CONSUMER_TIMEOUT = timedelta(seconds=6)  # half an hour unless an operator sets it
MORE_SETTINGS = """\
consumer_timeout = {timeout_ms}
listeners.ssl.1 = {host}:{tls_port}
ssl_options.cacertfile = {ca}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
"""
OFTEN = "[{rabbit, [{channel_tick_interval, 500}]}]."  # how often it looks for such timeouts


def is_stopped(pid: int) -> bool:
    """Whether every thread of a process is stopped."""
    states = [
        stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


class RunningRabbit:
    """One node, with its own port mapper: nothing of it is left when it is closed."""

    def __init__(
        self, folder: Path, certificates: Certificates, consumer_timeout: timedelta = CONSUMER_TIMEOUT
    ) -> None:
        self._folder = folder
        self.port, self._tls_port, mapper, distribution = free_server_ports(4)
        own = OwnRabbit(folder, f"test{self.port}", self.port, mapper, distribution)
        certificate, key = certificates.server
        settings = MORE_SETTINGS.format(
            host=LOOPBACK,
            tls_port=self._tls_port,
            ca=certificates.ca,
            certificate=certificate,
            key=key,
            timeout_ms=consumer_timeout // timedelta(milliseconds=1),
        )
        own.write_files(settings, OFTEN)
        self.url, self._environment = own.url, own.environment
        self._mapper = Started(own.mapper_command, self._folder_of("mapper"), **self._environment)
        self.start()

    def tls_url(self, host: str, options: str) -> str:
        return f"amqps://guest:guest@{host}:{self._tls_port}//?{options}"

    def _folder_of(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def start(self) -> None:
        program = rabbitmq_program()
        assert program is not None, "no rabbitmq-server"
        self._node = Started((program,), self._folder_of("node"), **self._environment)
        eventually(self.answers, START_SECONDS, what="RabbitMQ did not start")

    def answers(self) -> bool:
        assert self._node.process.poll() is None, self._node.out + self._node.err
        with suppress(OSError), Connection(self.url, connect_timeout=1) as connection:
            socket.create_connection((LOOPBACK, self.port), 1).close()
            connection.connect()
            return True
        return False

    def end(self) -> None:
        """kill -9, of the node and all that belongs to it."""
        os.killpg(self._node.process.pid, signal.SIGKILL)
        self._node.process.wait()
        eventually(self._node.is_gone)

    def freeze(self) -> None:
        """SIGSTOP, until `thaw`."""
        os.killpg(self._node.process.pid, signal.SIGSTOP)
        eventually(lambda: all(map(is_stopped, self._node.group(self._node.process.pid))))

    def thaw(self) -> None:
        os.killpg(self._node.process.pid, signal.SIGCONT)

    def cut_connections(self) -> None:
        self.control("close_all_connections", "cut by a test")

    def control(self, *command: str) -> str:
        """What an operator's command says."""
        program = rabbitmq_program("rabbitmqctl")
        assert program is not None, "no rabbitmqctl"
        environment = os.environ | self._environment
        done = subprocess.run(
            [program, "--quiet", *command],
            env=environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def close(self) -> None:
        self._node.end()
        self._mapper.end()


@pytest.fixture(scope="session")
def running_rabbit(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[RunningRabbit]:
    rabbit = RunningRabbit(tmp_path_factory.mktemp("rabbit"), certificates)
    yield rabbit
    rabbit.close()


@pytest.fixture
def rabbit(running_rabbit: RunningRabbit) -> RunningRabbit:
    """The broker, running, though a test before has killed it."""
    if not running_rabbit.answers():
        running_rabbit.start()
    return running_rabbit


@pytest.fixture
def rabbit_stack(rabbit: RunningRabbit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything, with this broker; each test's own, since messages of one would reach the next."""
    with started_stack(tmp_path_factory.mktemp("stack"), BROKER_URL=rabbit.url) as stack:
        yield stack
