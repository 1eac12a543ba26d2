"""What any key holds, as lists of bytes: the same for every type, every server and both protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

NEVER = -1  # of a key that does not expire, as PEXPIRETIME answers
SIZE_COMMANDS: Final = {
    "string": "STRLEN",
    "hash": "HLEN",
    "zset": "ZCARD",
    "list": "LLEN",
    "set": "SCARD",
    "stream": "XLEN",
}
PER_ELEMENT: Final = {"hash": 2, "zset": 2}  # values of an element; of other types one


class KeyHead(NamedTuple):
    """A key as such.

    Attributes:
        name: without the prefix of the installation
        kind: as TYPE answers
        expires_ms: since the epoch, or NEVER
        size: bytes of a string, else elements
        memory: bytes that it takes, about
    """

    name: str
    kind: str
    expires_ms: int
    size: int = 0
    memory: int = 0


def read_command(kind: str, key: bytes) -> tuple[str | bytes | int, ...]:
    """The command that reads all of a key."""
    return {
        "string": ("GET", key),
        "hash": ("HGETALL", key),
        "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
        "list": ("LRANGE", key, 0, -1),
        "set": ("SMEMBERS", key),
        "stream": ("XRANGE", key, "-", "+"),
    }[kind]


def flat(kind: str, answer: Any) -> list[bytes]:
    """The answer of such a command as a list; empty for a key that is not there.

    Fields and members are followed by their values and scores; an entry of a stream is packed into one.
    """
    if kind == "string":
        return [answer] if answer else []
    if isinstance(answer, dict):  # as RESP3 has a hash
        return [part for pair in answer.items() for part in pair]
    if kind == "zset" and answer and isinstance(answer[0], list):  # as RESP3 has it, its scores as numbers
        return [part for member, score in answer for part in (member, repr(score).encode())]
    if kind == "stream":
        return [packed_values([entry[0], *flat("hash", entry[1])]) for entry in answer]
    return list(answer)


def write_command(kind: str, key: bytes, values: Sequence[bytes]) -> tuple[Any, ...]:
    """The command that adds values, as `flat` has them, to a key that is no string."""
    if kind == "hash":
        return ("HSET", key, *values)
    if kind == "zset":
        return ("ZADD", key, *(part for pair in zip(values[1::2], values[::2], strict=True) for part in pair))
    if kind == "list":
        return ("RPUSH", key, *values)
    if kind == "set":
        return ("SADD", key, *values)
    return ("XADD", key, *unpacked_values(values[0]))  # one entry at a time


def count_elements(kind: str, values: Sequence[bytes]) -> int:
    """How many elements these values are; of a string how many bits are set."""
    if kind == "string":
        return sum(int.from_bytes(chunk).bit_count() for chunk in values)
    return len(values) // PER_ELEMENT.get(kind, 1)


def packed_values(values: Sequence[bytes]) -> bytes:
    """Values as one, each after its length in four bytes."""
    return b"".join(part for value in values for part in (len(value).to_bytes(4, "little"), value))


def unpacked_values(packed: bytes) -> list[bytes]:
    """The values that `packed_values` made one of.

    Raises:
        ValueError: it did not.
    """
    values, place = [], 0
    while place < len(packed):
        start = place + 4
        place = start + int.from_bytes(packed[place:start], "little")
        if start > len(packed) or place > len(packed):
            raise ValueError("a value is longer than what there is")
        values.append(packed[start:place])
    return values


def as_bytes(name: str) -> bytes:
    """A key's name as the server has it."""
    return name.encode(errors="surrogateescape")


def as_text(name: object) -> str:
    """A key's name as text; what is no UTF-8 comes back by `as_bytes`."""
    return cast(bytes, name).decode(errors="surrogateescape")
