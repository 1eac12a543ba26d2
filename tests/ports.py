"""Free ports for the servers of a test run, of which several processes test side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable

from donebit.demo import ports

SERVICES = ("TRIGGER_PORT", "DONE_PORT", "DISTINCT_PORT")
OF_A_PROCESS = 600  # of pytest-xdist: between looking for a port and listening on it, no other may take it


def keep_to_own() -> None:
    """Have this process find ports that no other process of the same run finds."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = ports.SERVER_PORTS.start + int(worker) * OF_A_PROCESS
    if first + OF_A_PROCESS <= ports.SERVER_PORTS.stop:
        ports.SERVER_PORTS = range(first, first + OF_A_PROCESS)


def named_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a free port for each name, no two alike."""
    wanted = list(names)
    return dict(zip(wanted, ports.free_server_ports(len(wanted)), strict=True))


def ports_of_services() -> dict[str, str]:
    """Return the settings that give the three services free ports."""
    return {name: str(port) for name, port in named_ports(SERVICES).items()}
