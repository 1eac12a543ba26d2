"""Commands of many rows of bytes as they are sent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hiredis import pack_command

from donebit.store.packing import PackedCommand


def with_rows(name: str, key: str, rows: npt.NDArray[np.uint8]) -> PackedCommand:
    """A command of a key as it is sent, an argument more for each row: a third of the time of one by one."""
    begun: bytes = pack_command((name, key))  # type: ignore[arg-type]  # takes any number
    before, after = b"$%d\r\n" % rows.shape[1], b"\r\n"
    each = np.empty((len(rows), len(before) + rows.shape[1] + len(after)), np.uint8)
    each[:, : len(before)] = np.frombuffer(before, np.uint8)
    each[:, len(before) : -len(after)] = rows
    each[:, -len(after) :] = np.frombuffer(after, np.uint8)
    sent = PackedCommand(b"*%d\r\n" % (2 + len(rows)) + begun.partition(b"\r\n")[2] + each.tobytes())
    sent.key = key
    return sent
