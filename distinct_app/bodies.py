"""Reading visits from packed request bodies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from donebit.activity.users.ids import Ids
from donebit.errors import InvalidInput

PACKED = "application/octet-stream"
LINES = "application/x-ndjson"


def packed_ids(body: bytes) -> Ids:
    """The ids of a packed body. Raises InvalidInput for one that is empty or truncated."""
    if not body or len(body) % 4:
        raise InvalidInput(
            f"a packed body is little-endian uint32 ids, 4 bytes each; this one has {len(body)} bytes",
            field="body",
        )
    return np.frombuffer(body, "<u4").astype(np.uint32, copy=False)


def lines_of(body: bytes) -> Iterator[bytes]:
    """The lines of a body, one after the other: a list of a million takes three times as much as they do."""
    start = 0
    while (end := body.find(b"\n", start)) >= 0:
        yield body[start:end]
        start = end + 1
    yield body[start:]
