"""The exit codes of the command, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes. Scripts rely on them, so none changes its meaning."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    SKIPPED = 5
    UNWRITTEN = 6
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    Exit.OK: "success",
    Exit.FAILED: "the watched task failed or was cancelled, the file was not loaded to its end, or a "
    "backup is damaged",
    Exit.USAGE: "wrong usage or setting; no request was sent",
    Exit.REFUSED: "refused by a service (4xx) or the store: not found, invalid, already finished, no token",
    Exit.UNAVAILABLE: "a service cannot be reached or failed (5xx): try again",
    Exit.SKIPPED: "the file was loaded, except invalid lines that --skip-bad skipped",
    Exit.UNWRITTEN: "the output could not be written, as on a full disk; what was asked for may be done",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
    Exit.BROKEN_PIPE: "the output was closed by its reader, such as `head`",
}


class CommandError(Exception):
    """An error that ends the command: a sentence for the user, and the exit code."""

    exit = Exit.FAILED

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OperationFailed(CommandError):
    """The command ran, but its task failed or its file could not be loaded to its end."""


class UsageError(CommandError):
    """The command line or a setting is wrong."""

    exit = Exit.USAGE


class RequestRefused(CommandError):
    """A service refused the request with a 4xx status."""

    exit = Exit.REFUSED

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status


class RefusedByStore(CommandError):
    """The store is not in a state for that, and nothing was changed that a second run would not take up."""

    exit = Exit.REFUSED


class BrokenPipe(CommandError):
    """The reader of the output is gone; the command ends without a message."""

    exit = Exit.BROKEN_PIPE


class OutputLost(CommandError):
    """The output cannot be written, as on a full disk."""

    exit = Exit.UNWRITTEN


class ServiceUnavailable(CommandError):
    """A service did not answer, or failed with a 5xx status."""

    exit = Exit.UNAVAILABLE
