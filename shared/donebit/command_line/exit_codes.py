"""How a command can end: its exit codes, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; scripts rely on them, so none changes its meaning."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    INTERRUPTED = 130
    UNREAD = 141


MEANINGS = {
    Exit.OK: "it is done",
    Exit.FAILED: "the task that was watched failed or was cancelled; the file to load has a bad line",
    Exit.USAGE: "the command or a setting is wrong; nothing was asked of a service",
    Exit.REFUSED: "a service refused it (4xx), and says why: unknown, out of bounds, ended already, no token",
    Exit.UNAVAILABLE: "a service is not there, or cannot answer now (5xx): try again",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.UNREAD: "whoever read the output stopped reading, as `head` does",
}


class CommandError(Exception):
    """What ends a command: a sentence for its user, and the exit code."""

    exit = Exit.FAILED

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OperationFailed(CommandError):
    """It was carried out, and did not come out well."""


class UsageError(CommandError):
    """It cannot be carried out as it was asked for."""

    exit = Exit.USAGE


class RequestRefused(CommandError):
    """A service's 4xx."""

    exit = Exit.REFUSED

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status


class BrokenPipe(CommandError):
    """Nobody reads what is written any more; so nothing is said of it either."""

    exit = Exit.UNREAD


class ServiceUnavailable(CommandError):
    """No answer, or a 5xx."""

    exit = Exit.UNAVAILABLE
