"""Reasons why a demo cannot run that are no fault of Donebit."""

from __future__ import annotations

from donebit.errors import DonebitError


class CannotStart(DonebitError):
    """The demo cannot start; the message is one sentence for the user."""


class StopRequested(Exception):
    """The demo must stop: Ctrl-C, SIGTERM, SIGHUP, or its output was closed."""
