"""Which of a cluster's 16384 slots a command is for, each served by one primary; and names that share one."""

from __future__ import annotations

from binascii import crc_hqx  # the CRC-16 that a cluster distributes its keys by
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any, Final

from donebit.store.packing import PackedCommand

SLOTS: Final = 16384
LAST_SLOT: Final = SLOTS - 1
ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX_LENGTH: Final = 3  # of this alphabet: they reach every slot

SCRIPTS_CALLED: Final = ("EVALSHA", "EVAL")
# Of these the first word decides; whatever else the store sends begins with a key.
KEYLESS: Final = frozenset(
    {"ACL", "ASKING", "CLIENT", "CLUSTER", "CONFIG", "DBSIZE", "FLUSHALL", "FLUSHDB", "INFO", "PING"}
    | {"SCAN", "SCRIPT", "TIME", "WAIT"}
)
# What one primary does for itself alone, and is meant for all of them.
FOR_EVERY_PRIMARY: Final = ("SCRIPT LOAD", "SCRIPT FLUSH", "FLUSHALL", "FLUSHDB", "CONFIG SET")

Key = str | bytes


def slot_of(key: Key) -> int:
    """The slot of a key: that of what stands between its first braces, if anything does."""
    name = key.encode(errors="surrogateescape") if isinstance(key, str) else key
    start = name.find(b"{")
    if start >= 0:
        stop = name.find(b"}", start + 1)
        if stop > start + 1:
            name = name[start + 1 : stop]
    return crc_hqx(name, 0) % SLOTS


def first_key(command: Sequence[Any]) -> Key | None:
    """The key that decides where a command goes; None for one that has none.

    All keys of a command are in one slot; those of an MGET may not be, which is then taken apart.
    """
    if isinstance(command, PackedCommand):
        return command.key
    name = command[0]
    if name in SCRIPTS_CALLED:
        return command[3] if int(command[2]) else None
    if name == "BITOP":
        return command[2]  # type: ignore[no-any-return]  # commands are untyped
    if name.partition(" ")[0] in KEYLESS or len(command) == 1:
        return None
    return command[1]  # type: ignore[no-any-return]  # commands are untyped


def suffix_into_slot(name: str, tag: str) -> str:
    """The three characters after which a name has the slot of a tag: always the same ones."""
    return suffix_for(name, slot_of(tag))


def suffix_for(name: str, slot: int) -> str:
    """The three characters after which a name has this slot: always the same ones."""
    extended = crc_hqx(bytes(SUFFIX_LENGTH), crc_hqx(name.encode(), 0)) & LAST_SLOT
    return _suffixes()[extended ^ slot]


@cache
def _suffixes() -> dict[int, str]:
    """A suffix for each value by which it changes a checksum, which is the same after every name."""
    found: dict[int, str] = {}
    for letters in product(ALPHABET, repeat=SUFFIX_LENGTH):
        found.setdefault(crc_hqx(bytes(letters), 0) & LAST_SLOT, bytes(letters).decode())
        if len(found) > LAST_SLOT:
            break
    return found
