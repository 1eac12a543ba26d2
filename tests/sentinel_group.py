"""A master, its replica and three Sentinels that watch them: a real failover of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_ports
from tests.replicas import is_copied, replica_of
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

MASTER = "mymaster"
DOWN_AFTER = timedelta(seconds=1)  # of silence, after which a Sentinel takes the master for gone
SETTINGS = """\
port {port}
bind {host}
dir {folder}
sentinel monitor {name} {host} {master_port} 2
sentinel down-after-milliseconds {name} {down_ms}
sentinel failover-timeout {name} 5000
"""


class SentinelGroup:
    """The servers of one group, and its Sentinels, each by its port."""

    def __init__(
        self, master: RunningServer, replica: RunningServer, ports: Mapping[int, subprocess.Popen[bytes]]
    ) -> None:
        self.first, self.second, self._ports = master, replica, ports

    def end_a_sentinel(self) -> None:
        """kill -9, of the first that runs."""
        process = next(process for process in self._ports.values() if process.poll() is None)
        process.kill()
        process.wait()

    def serves(self) -> bool:
        """Whether a Sentinel names a server that is a master."""
        with suppress(RedisError, AssertionError), impatient(self.master_port()) as master:
            return bool(master.execute_command("ROLE")[0] == b"master")
        return False

    def url(self, scheme: str = "redis+sentinel", access: str = "") -> str:
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self._ports)
        return f"{scheme}://{access}{hosts}/{MASTER}/0"

    def celery_url(self) -> str:
        """As Celery has it."""
        return ";".join(f"sentinel://{LOOPBACK}:{port}/0" for port in self._ports)

    def sentinels(self) -> list[Redis]:
        return [Redis(port=port) for port in self._ports]

    def master_port(self) -> int:
        """As the first Sentinel that answers has it."""
        for port in self._ports:
            with suppress(RedisError), Redis(port=port) as sentinel:
                return int(sentinel.sentinel_get_master_addr_by_name(MASTER)[1])
        raise AssertionError("no Sentinel answers")

    def is_ready(self) -> bool:
        """Whether the replica has the data, and each Sentinel knows it and the other Sentinels.

        A replica whose first copy is still under way when its master goes is promoted empty, or never.
        """
        return is_copied(self.second) and all(self._is_aware(port) for port in self._ports)

    def _is_aware(self, port: int) -> bool:
        with suppress(RedisError), Redis(port=port) as sentinel:
            state = sentinel.sentinel_master(MASTER)
            return (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)
        return False


def impatient(port: int) -> Redis:
    """A client that asks once, and no server for long that does not answer."""
    return Redis(port=port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


@contextmanager
def sentinel_group(master: RunningServer, folder: Path) -> Iterator[SentinelGroup]:
    """Give a server a replica and three Sentinels."""
    ports = free_server_ports(3)
    with ExitStack() as ending:
        replica = ending.enter_context(replica_of(master, folder / "replica"))
        started = {
            port: ending.enter_context(sentinel(port, master.port, folder / str(port))) for port in ports
        }
        group = SentinelGroup(master, replica, started)
        eventually(group.is_ready, 30, what="the Sentinels do not know each other")
        yield group


@contextmanager
def sentinel(port: int, master_port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    down_ms = DOWN_AFTER // timedelta(milliseconds=1)
    settings = folder / "sentinel.conf"
    settings.write_text(
        SETTINGS.format(
            port=port, host=LOOPBACK, folder=folder, name=MASTER, master_port=master_port, down_ms=down_ms
        )
    )
    command = [str(valkey_binary()), str(settings), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()
