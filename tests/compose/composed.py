"""The parts of a compose file as processes of this machine: its commands, environments and checks.

What differs from containers: names of hosts are 127.0.0.1, ports are free ones, the server's data is in
the test's folder, and `valkey-cli`, which no wheel carries, is a few lines on the client library.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from redis import Redis

from donebit.addresses import LOOPBACK
from tests.compose.compose_file import FILE, services
from tests.ports import named_ports
from tests.servers import valkey_binary
from tests.started import Started

PASSWORD, ADMIN, TOKEN = "pass-word_Abc", "admin-word_Abc", "token-word_Abc"
PORTS = ("6379", "8096", "8097", "8098")
CLI = f"""#!{sys.executable}
import os, sys
from redis import Redis
flag, port, user_flag, user, command = sys.argv[1:]
answer = Redis(port=int(port), username=user, password=os.environ["REDISCLI_AUTH"]).execute_command(command)
print("PONG" if answer is True else answer)
"""


class Composed:
    """A file, on this machine."""

    def __init__(
        self, folder: Path, file: Path = FILE, *, server_port: int | None = None, **variables: str
    ) -> None:
        self._folder = folder
        self._ports = {port: str(free) for port, free in named_ports(PORTS).items()}
        if server_port is not None:
            self._ports["6379"] = str(server_port)
        secrets = {"REDIS_PASSWORD": PASSWORD, "API_TOKEN": TOKEN, "WORKER_PROCESSES": "2"}
        self._parts = services(secrets | {"REDIS_ADMIN_PASSWORD": ADMIN} | variables, file)
        self.started: list[Started] = []
        self.homes: list[Path] = []
        self._path = f"{self._tools()}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def up(self, name: str) -> Started:
        """Start a part; again for one more of it."""
        home = self._folder / f"{len(self.started)}-{name}"
        home.mkdir()
        command = [self._here(word).replace("/data", str(home)) for word in self._parts[name]["command"]]
        started = Started(command, home, **self._environment(name))
        self.started.append(started)
        self.homes.append(home)
        return started

    def is_healthy(self, name: str) -> bool:
        kind, *words = [self._here(word) for word in self._parts[name]["healthcheck"]["test"]]
        command: Sequence[str] = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        environment = os.environ | self._environment(name)
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def server(self, user: str = "default", password: str = ADMIN) -> Redis:
        """A client of the server, as a user of it."""
        return Redis(port=int(self._ports["6379"]), username=user, password=password)

    def url(self, port: str) -> str:
        return f"http://{LOOPBACK}:{self._ports[port]}"

    def end(self) -> None:
        for started in reversed(self.started):
            started.end()

    def _environment(self, name: str) -> dict[str, str]:
        given = {key: self._here(value) for key, value in self._parts[name]["environment"].items()}
        return {**given, "PATH": self._path}

    def _here(self, text: str) -> str:
        text = re.sub(r"\b(?:redis|trigger|done|distinct)(?=:\d)", LOOPBACK, text)
        return re.sub("|".join(rf"\b{port}\b" for port in PORTS), lambda found: self._ports[found[0]], text)

    def _tools(self) -> Path:
        tools = self._folder / "tools"
        tools.mkdir()
        (tools / "valkey-server").symlink_to(valkey_binary())
        (tools / "valkey-cli").write_text(CLI)
        (tools / "valkey-cli").chmod(0o755)
        return tools
