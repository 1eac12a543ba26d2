"""What tests do to keys that may be on several nodes of a cluster: one after the other."""

from __future__ import annotations

from redis import Redis


def drop(client: Redis, *names: str) -> None:
    for name in names:
        client.delete(name)


def existing(client: Redis, *names: str) -> list[str]:
    """Those of the keys that are there."""
    return [name for name in names if client.exists(name)]


def move(client: Redis, old: str, new: str) -> None:
    """Put what a key holds under another name, without its time to live."""
    client.restore(new, 0, client.dump(old) or b"")
    client.delete(old)
