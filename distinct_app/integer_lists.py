"""Reading a long list of integers out of JSON as an array, a tenth of what numbers of Python take."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from donebit.activity.users.ids import LARGEST_ID, Ids

LEAST_BYTES = 16 * 1024  # below it the usual way is as quick
SLICE = 64 * 1024  # bytes that are read at once: what is made of them stays in the processor's cache
APART = re.compile(rb"[0-9][ \t\r\n]+[0-9]")
SEPARATOR = re.compile(rb",[ \t\r\n]*")
SPACE, DIGITS = b" \t\r\n", b"0123456789"
FIRST = {bytes([digit]) for digit in DIGITS}  # what a number begins or ends with
MOST_DIGITS = len(str(LARGEST_ID))


class Split(NamedTuple):
    """A JSON text in which a list of integers has become `[0]`, and the integers."""

    rest: bytes
    integers: Ids


def split(text: bytes, name: str, most: int) -> Split | None:
    """Take the integers of a field out of a JSON text; None where it is to be read the usual way.

    Nothing is refused here: a text that has the field twice, other values in it, ids that are too large or
    more than `most` of them gets the error that the usual way gives it.
    """
    field = b'"%s"' % name.encode()
    if len(text) < LEAST_BYTES or text.count(field) != 1:
        return None
    found = re.compile(field + rb"[ \t\r\n]*:[ \t\r\n]*\[").search(text)
    if found is None or (end := text.find(b"]", found.end())) < 0:
        return None
    integers = numbers_of(text, found.end(), end, most)
    return None if integers is None else Split(text[: found.end()] + b"0" + text[end:], integers)


def numbers_of(text: bytes, start: int, end: int, most: int) -> Ids | None:
    """Read the ids of a JSON list, a slice at a time.

    Args:
        text: that holds it
        start: of what is between its brackets
        end: of the same
        most: how many there may be

    Returns:
        None if the list is empty, or holds anything but ids or more than `most`.
    """
    first, count = SEPARATOR.search(text, start, end), text.count(b",", start, end) + 1
    separator = first.group() if first else b","
    if count > most:
        return None
    numbers, filled = np.empty(count, np.uint32), 0
    while start < end:
        stop = end if end - start <= SLICE else text.rfind(b",", start, start + SLICE)
        listed = text[start : max(stop, start)].strip(SPACE)
        part = read_slice(listed, separator)
        if part is None and not APART.search(listed):
            part = read_slice(listed.translate(None, SPACE), b",")
        if part is None:
            return None
        numbers[filled : filled + len(part)] = part
        filled += len(part)
        start = stop + 1
    return numbers if filled == count else None


def read_slice(listed: bytes, separator: bytes) -> Ids | None:
    """The ids in a part of a list, which are separated alike; None if it holds anything else."""
    apart = listed.translate(None, DIGITS)
    count = len(apart) // len(separator)
    if apart != separator * count or listed[:1] not in FIRST or listed[-1:] not in FIRST:
        return None
    try:  # it ends before a comma without a number, or a number without a comma
        numbers = np.fromstring(listed, np.uint64, sep=",")  # a larger one is the largest that there is
    except (ValueError, DeprecationWarning):
        return None
    if len(numbers) != count + 1 or numbers.max() > LARGEST_ID:
        return None
    ids = numbers.astype(np.uint32)
    # Any more digits than the numbers have are zeros before one of them.
    digits = len(ids) + sum(int(np.count_nonzero(ids >= 10**n)) for n in range(1, MOST_DIGITS))
    return ids if digits == len(listed) - len(apart) else None
