"""Reading roaring bitmaps that a client sent, in the portable format, with every length checked.

https://github.com/RoaringBitmap/RoaringFormatSpec. CRoaring trusts its input: a count in a header that is
too small makes it write beyond the memory it allocated. So it is used for writing only; bytes from the
network are read here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from donebit.errors import InvalidInput

WITHOUT_RUNS, WITH_RUNS = 12346, 12347
CONTAINER = 65536  # ids
MOST_IN_ARRAY = 4096  # of ids that are listed; more are a bitset
BITSET_BYTES = CONTAINER // 8
OFFSETS_FROM = 4  # containers; with fewer, a bitmap with runs has no offsets

Low = npt.NDArray[np.int64]  # ids within their container, ascending


class Header(NamedTuple):
    """The containers that follow, and the offset in bytes at which the first begins."""

    keys: npt.NDArray[np.uint16]
    cardinalities: npt.NDArray[np.int64]
    runs: npt.NDArray[np.bool_]
    start: int


class Container(NamedTuple):
    """The container of the ids from `key` * 65536 on; `at` is its offset in bytes."""

    key: int
    at: int
    cardinality: int
    run: bool

    @property
    def first(self) -> int:
        """The lowest id that the container can hold."""
        return self.key * CONTAINER

    def ids(self, body: bytes) -> Low:
        """Its ids, ascending. Computed only on call, as all containers together may hold 2^32."""
        return _low(body, self)[0] + self.first


def containers(body: bytes) -> list[Container]:
    """The containers of a roaring bitmap, ascending, each of them checked.

    Raises:
        InvalidInput: the bytes are too few or too many, or contradict themselves.
    """
    header, checked = _header(body), list[Container]()
    at = header.start
    for key, cardinality, run in zip(header.keys, header.cardinalities, header.runs, strict=True):
        container = Container(int(key), at, int(cardinality), bool(run))
        low, at = _low(body, container)
        _check(low, container, checked[-1].key if checked else -1)
        checked.append(container)
    if at != len(body):
        raise _malformed(f"{len(body) - at} bytes after its end")
    return checked


def _check(low: Low, container: Container, last_key: int) -> None:
    sound = len(low) == container.cardinality and low[-1] < CONTAINER and (np.diff(low) > 0).all()
    if not sound or container.key <= last_key:
        raise _malformed("a container that contradicts itself")


def _header(body: bytes) -> Header:
    cookie = int(_read(body, 0, 1, "<u4")[0])
    with_runs = cookie & 0xFFFF == WITH_RUNS
    if not with_runs and cookie != WITHOUT_RUNS:
        raise _malformed("another cookie at its start")
    size = (cookie >> 16) + 1 if with_runs else int(_read(body, 4, 1, "<u4")[0])
    if size > CONTAINER:
        raise _malformed(f"{size} containers; at most {CONTAINER}")
    at = 4 if with_runs else 8
    flags = _read(body, at, -(-size // 8), "u1") if with_runs else np.zeros(-(-size // 8), np.uint8)
    at += len(flags) if with_runs else 0
    pairs = _read(body, at, 2 * size, "<u2").reshape(-1, 2)
    at += 4 * size + (4 * size if not with_runs or size >= OFFSETS_FROM else 0)
    runs = np.unpackbits(flags, bitorder="little")[:size].astype(np.bool_)
    return Header(pairs[:, 0], pairs[:, 1].astype(np.int64) + 1, runs, at)


def _low(body: bytes, container: Container) -> tuple[Low, int]:
    """The ids within a container, and the offset of the next container."""
    _, at, cardinality, run = container
    if run:
        number = int(_read(body, at, 1, "<u2")[0])
        pairs = _read(body, at + 2, 2 * number, "<u2").reshape(-1, 2).astype(np.int64)
        if pairs[:, 1].sum() + number != cardinality:  # before memory is allocated for them
            raise _malformed("a container that contradicts itself")
        low = np.concatenate([np.arange(start, start + more + 1) for start, more in pairs])
        return low, at + 2 + 4 * number
    if cardinality > MOST_IN_ARRAY:
        bits = np.unpackbits(_read(body, at, BITSET_BYTES, "u1"), bitorder="little")
        return np.flatnonzero(bits), at + BITSET_BYTES
    return _read(body, at, cardinality, "<u2").astype(np.int64), at + 2 * cardinality


def _read(body: bytes, at: int, count: int, kind: str) -> npt.NDArray[Any]:
    if at + count * np.dtype(kind).itemsize > len(body):
        raise _malformed("fewer bytes than it says")
    return np.frombuffer(body, kind, count, at)


def _malformed(what: str) -> InvalidInput:
    return InvalidInput(f"the body is no roaring bitmap in the portable format: it has {what}", field="body")
