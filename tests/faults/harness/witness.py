"""The worker's one way to its store: it sees who is told of an end, and can take the answer away."""

from __future__ import annotations

import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from donebit.addresses import LOOPBACK
from donebit.store.client import scripts_of
from tests.servers import RunningServer

# Where each marking script's answer says that this call ended the task.
COMPLETED_AT = {"mark_steps": 2, "mark_and_release": 2, "recount_task": 2, "fail_step": 3}
TOKEN_AT = {"mark_and_release": 4}  # among the arguments; of the other scripts the second


class Marking(NamedTuple):
    """A call that marks steps, and whether its answer said that it ended the task."""

    script: str
    task_id: str
    token: str
    completed: bool = False


Trap = Callable[[Marking], bool]


def let_pass(_: Marking) -> bool:
    return False


@dataclass
class Witness:
    """Passes everything on. `trap` sees every answer to a marking call before the worker does.

    Where the trap returns true the worker loses its connection in place of the answer.
    """

    server: RunningServer
    trap: Trap = let_pass
    claims: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # task -> tokens

    def __post_init__(self) -> None:
        digests = scripts_of(self.server.client)
        self._scripts = {digests[name].sha.encode(): name for name in COMPLETED_AT}
        self._entrance = socket.create_server((LOOPBACK, 0))
        threading.Thread(target=self._open, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self._entrance.getsockname()[1]}/0"

    def close(self) -> None:
        self._entrance.shutdown(socket.SHUT_RDWR)
        self._entrance.close()

    def _open(self) -> None:
        while True:
            try:
                client, _ = self._entrance.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        asked: list[Marking] = []
        with client, suppress(OSError), socket.create_connection((LOOPBACK, self.server.port)) as server:
            threading.Thread(target=self._pass_back, args=(server, client, asked), daemon=True).start()
            while sent := client.recv(65536):
                asked += self._marking(sent)
                server.sendall(sent)

    def _pass_back(self, server: socket.socket, client: socket.socket, asked: list[Marking]) -> None:
        with suppress(OSError):
            while answer := server.recv(65536):
                if asked and self._is_lost(asked.pop(), answer):
                    break
                client.sendall(answer)
        with suppress(OSError):  # whoever waits on the other side waits no longer
            client.shutdown(socket.SHUT_RDWR)

    def _marking(self, sent: bytes) -> list[Marking]:
        words = sent.split(b"\r\n")[2::2]
        if len(words) < 2 or words[0] != b"EVALSHA" or words[1] not in self._scripts:
            return []
        task_id = words[3].decode().partition("{")[2].partition("}")[0]
        script = self._scripts[words[1]]
        token = words[3 + int(words[2]) + TOKEN_AT.get(script, 1)].decode()
        return [Marking(script, task_id, token)]

    def _is_lost(self, marking: Marking, answer: bytes) -> bool:
        values = answer.split(b"\r\n")[2:]
        if values[:1] != [b"ok"]:
            return False
        marking = marking._replace(completed=values[COMPLETED_AT[marking.script]] == b":1")
        if marking.completed:
            self.claims[marking.task_id].append(marking.token)
        return self.trap(marking)
