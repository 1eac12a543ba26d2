"""Where a service is reached: the one place that builds its address."""

from __future__ import annotations

LOOPBACK = "127.0.0.1"


def reachable_host(host: str) -> str:
    """Where a server bound to `host` answers a client on this machine."""
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104 - read, not bound


def address(host: str, port: int | str) -> str:
    """The service's address as a browser on this machine would write it."""
    reachable = reachable_host(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
