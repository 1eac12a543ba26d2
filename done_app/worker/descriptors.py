"""Ends a process of the pool that has no file descriptors left."""

from __future__ import annotations

import errno
import logging
import os

log = logging.getLogger(__name__)


def end_if_spent() -> None:
    """End this process if its steps have left it no file descriptor, between two messages.

    Every further step that opens a file would fail in it, of any job, and so would a lost connection to
    Redis. The message comes again, to another process, which finds done what this one has done.
    """
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno != errno.EMFILE:
            return
        log.error("steps have left no file descriptor in process %d, which is ended", os.getpid())
        os._exit(1)
