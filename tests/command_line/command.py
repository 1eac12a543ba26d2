"""`donebit` as a process, in a pipe or at a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forked import ForkedCommand, start_module
from tests.ports import named_ports
from tests.started import eventually

MODULE = "donebit.command_line"
IN_TIME = 40.0
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Nothing of the shell that runs the tests shall reach the command.
CLEAN = dict.fromkeys(
    ("API_TOKEN", "HOST", "TRIGGER_URL", "DONE_URL", "DISTINCT_URL", "NO_COLOR", "FORCE_COLOR", "COLUMNS"), ""
)
UNSET = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")  # whose mere presence says something


@dataclass(frozen=True, slots=True)
class Ended:
    """What it left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Each line of its JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        (line,) = self.lines
        return line


class AtTerminal:
    """A command whose in- and output is a terminal of some width."""

    def __init__(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path, columns: int
    ) -> None:
        self._seen = bytearray()
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.set_blocking(self._terminal, False)
        shown = {**environment, "TERM": "xterm-256color"}
        self.process = start_module(
            MODULE, arguments, folder, shown, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)

    @property
    def raw(self) -> str:
        """All that was written until now, with what only a terminal understands."""
        with suppress(OSError):  # nothing now; or nobody writes any more
            while part := os.read(self._terminal, 65_536):
                self._seen += part
        return self._seen.decode(errors="replace")

    @property
    def seen(self) -> str:
        return ANSI.sub("", self.raw).replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self.seen, IN_TIME, what=f"{text!r} is not shown, but {self.seen!r}")

    def interrupt(self) -> None:
        """Ctrl-C; again where it fell between the question and the reading of its answer."""

        def has_ended() -> bool:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            return self.process.poll() is not None

        eventually(has_ended, IN_TIME)

    def exit_code(self) -> int:
        def has_ended() -> bool:
            self.seen  # noqa: B018 - what is not read would block it
            return self.process.poll() is not None

        eventually(has_ended, IN_TIME)
        return self.process.wait()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


class Donebit:
    """Runs the command against services at these ports."""

    def __init__(self, ports: Mapping[str, int], folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.environment |= {name: "" for name in CLEAN if name not in UNSET}
        self.environment |= {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
        self._terminals: list[AtTerminal] = []

    def __call__(self, *arguments: object, **environment: str) -> Ended:
        """Run it to its end, in a pipe."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(2 * IN_TIME)
        return Ended(process.wait(), out.decode(), err.decode())

    def start(self, *arguments: object, **environment: str) -> ForkedCommand:
        """Run it in a pipe, and have it at hand meanwhile."""
        return start_module(MODULE, [*map(str, arguments)], self.folder, self.environment | environment)

    def at_terminal(self, *arguments: object, columns: int = 100, **environment: str) -> AtTerminal:
        made = AtTerminal(tuple(map(str, arguments)), self.environment | environment, self.folder, columns)
        self._terminals.append(made)
        return made

    def end(self) -> None:
        for terminal in self._terminals:
            terminal.end()


def nowhere() -> dict[str, int]:
    """Ports where nothing answers."""
    return named_ports(("trigger", "done", "distinct"))
