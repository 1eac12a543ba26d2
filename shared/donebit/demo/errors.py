"""What can keep a demo from running, told apart from a fault in Donebit itself."""

from __future__ import annotations

from donebit.errors import DonebitError


class CannotStart(DonebitError):
    """Something outside stands in the way; the message is one sentence for the person at the terminal."""


class StopRequested(Exception):
    """Ctrl-C, SIGTERM, SIGHUP, or nobody left to read the lines."""
