"""Slots of a cluster: names that are made so that they share one."""

from __future__ import annotations

from binascii import crc_hqx  # the CRC-16 that a cluster distributes its keys by
from functools import cache
from itertools import product

SLOTS_MASK = 2**14 - 1
ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX_LENGTH = 3  # of this alphabet: they reach every slot


def slot_of(tag: str) -> int:
    """The slot of every key with this hash tag."""
    return crc_hqx(tag.encode(), 0) & SLOTS_MASK


def suffix_into_slot(name: str, tag: str) -> str:
    """The three characters after which a name has the slot of a tag: always the same ones."""
    extended = crc_hqx(bytes(SUFFIX_LENGTH), crc_hqx(name.encode(), 0)) & SLOTS_MASK
    return _suffixes()[extended ^ slot_of(tag)]


@cache
def _suffixes() -> dict[int, str]:
    """A suffix for each value by which it changes a checksum, which is the same after every name."""
    found: dict[int, str] = {}
    for letters in product(ALPHABET, repeat=SUFFIX_LENGTH):
        found.setdefault(crc_hqx(bytes(letters), 0) & SLOTS_MASK, bytes(letters).decode())
        if len(found) > SLOTS_MASK:
            break
    return found
