"""The name of this worker, one for its leases, the list of workers, its log lines and its clock."""

from __future__ import annotations

import os
import secrets
import socket

NAME_BYTES = (
    3  # read by people; of one host name and process id, two of a hundred workers meet once in 3000 times
)


def new_name() -> str:
    """A name after this host and process; its last part is random, since containers may share the others."""
    return f"{socket.gethostname()}:{os.getpid()}-{secrets.token_hex(NAME_BYTES)}"


name = new_name()  # made before the pool is forked, so its processes belong to this worker
