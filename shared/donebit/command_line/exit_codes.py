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
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    Exit.OK: "success",
    Exit.FAILED: "the watched task failed or was cancelled, or the file was not loaded to its end",
    Exit.USAGE: "wrong usage or setting; no request was sent",
    Exit.REFUSED: "a service refused the request (4xx): not found, invalid, already finished, or no token",
    Exit.UNAVAILABLE: "a service cannot be reached or failed (5xx): try again",
    Exit.SKIPPED: "the file was loaded but for invalid lines, which --skip-bad skipped",
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


class BrokenPipe(CommandError):
    """The reader of the output is gone; the command ends without a message."""

    exit = Exit.BROKEN_PIPE


class ServiceUnavailable(CommandError):
    """A service did not answer, or failed with a 5xx status."""

    exit = Exit.UNAVAILABLE
