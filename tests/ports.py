"""Free ports for the servers of a test run, of which several processes test side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable

from donebit.demo import ports

SERVICES = ("TRIGGER_PORT", "DONE_PORT", "DISTINCT_PORT")
FIRST_OUTGOING = 32_768  # on Linux


def keep_to_own() -> None:
    """Have this process of pytest-xdist find ports that no other of the same run finds."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports.SERVER_PORTS = ports.SERVER_PORTS[worker % workers :: workers]


def named_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a free port for each name, no two alike."""
    wanted = list(names)
    return dict(zip(wanted, ports.free_server_ports(len(wanted)), strict=True))


def node_port() -> int:
    """Return a free port for a node of a cluster, which listens 10,000 above it for the other nodes.

    Both are below the ports of outgoing connections.
    """
    return next(port for port in iter(ports.free_server_port, 0) if port + 10_000 < FIRST_OUTGOING)


def ports_of_services() -> dict[str, str]:
    """Return the settings that give the three services free ports."""
    return {name: str(port) for name, port in named_ports(SERVICES).items()}
