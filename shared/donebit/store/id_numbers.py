"""The numbers of ids as a directory has them: 4 bytes each, and how the script that gives them answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")
Field = str | bytes  # an id as it is kept
Numbers = npt.NDArray[np.uint32]
Places = npt.NDArray[np.intp]

ALL_NEW = 1  # as number_users.lua answers where the numbers are the next ones, in the order of the ids
UNKNOWN = 2**32 - 1  # of an id never seen; no number ever given is as large
MISSING = UNKNOWN.to_bytes(4, "little")


def in_order(once: Sequence[Item], numbers: Numbers, items: Sequence[Item]) -> Numbers:
    """The numbers of some items, of those that each of them has once."""
    places = {item: place for place, item in enumerate(once)}
    return numbers[[places[item] for item in items]]


def unpack_numbers(numbers: Sequence[bytes | None]) -> Numbers:
    """Numbers as the directory keeps them, 4 bytes each."""
    joined = b"".join([MISSING if one is None else one for one in numbers])
    return np.frombuffer(joined, "<u4").astype(np.uint32)


@overload
def parts(items: Places, size: int) -> Iterator[Places]: ...
@overload
def parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]: ...
def parts(items: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
