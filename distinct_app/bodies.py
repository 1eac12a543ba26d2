"""Reading visits from packed request bodies."""

from __future__ import annotations

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
