"""Text ids as the directory keeps them: a UUID as its 16 bytes, any other text as its UTF-8."""

from __future__ import annotations

import binascii
from collections.abc import Sequence

import numpy as np

UUID_CHARACTERS = 36
UUID_BYTES = 16
DASHES = (8, 13, 18, 23)
# A text of 16 bytes would read as a UUID: this byte, which UTF-8 never has, goes before it.
ESCAPE = b"\xff"

DIGITS = np.array([place for place in range(UUID_CHARACTERS) if place not in DASHES])
NO_DIGIT = 255
VALUES = np.full(256, NO_DIGIT, np.uint8)
VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
VALUES[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)


def packed(texts: Sequence[str]) -> list[str | bytes]:
    """Each text as the directory keeps it, no two alike; a str stands for its UTF-8.

    A UUID in its form of 36 characters is one and the same in capitals and in lower case (RFC 9562, section
    4), and comes back in lower case. Any other form of it is another text, and comes back as it was.
    """
    lengths = set(map(len, texts))
    if lengths == {UUID_CHARACTERS}:
        return all_alike(texts) or uuids_in(texts)
    fields = [escaped(text) for text in texts]
    if UUID_CHARACTERS in lengths:
        places = [place for place, text in enumerate(texts) if len(text) == UUID_CHARACTERS]
        for place, field in zip(places, uuids_in([texts[place] for place in places]), strict=True):
            fields[place] = field
    return fields


def escaped(text: str) -> str | bytes:
    if len(text) > UUID_BYTES:  # and so has more bytes
        return text
    field = text.encode()
    return ESCAPE + field if len(field) == UUID_BYTES else field


def all_alike(texts: Sequence[str]) -> list[str | bytes] | None:
    """The 16 bytes of each, where they are seen at once to be UUIDs all: three times as quick.

    The texts themselves where it is seen at once that none is; None where neither is.
    """
    try:
        characters = "".join(texts).encode("ascii")
        rows = np.frombuffer(characters, np.uint8).reshape(-1, UUID_CHARACTERS)
        dashes = rows[:, DASHES] == ord("-")
        if not dashes[:, 0].any():
            return list(texts)
        # With all dashes where they belong: what is left is 32 digits each, or no digits.
        if dashes.all():
            joined = binascii.unhexlify(characters.replace(b"-", b""))
            fields: list[str | bytes] = np.frombuffer(joined, f"V{UUID_BYTES}").tolist()
            return fields if len(fields) == len(texts) else None
    except ValueError:
        pass
    return None


def uuids_in(texts: Sequence[str]) -> list[str | bytes]:
    """Texts of 36 characters, those that are a UUID as its 16 bytes."""
    # One byte a character: what has none in Latin-1 is no UUID, and neither is a question mark.
    characters = np.frombuffer("".join(texts).encode("latin-1", "replace"), np.uint8)
    rows = characters.reshape(-1, UUID_CHARACTERS)
    values = VALUES[rows[:, DIGITS]]
    good = (rows[:, DASHES] == ord("-")).all(axis=1) & (values.max(axis=1) != NO_DIGIT)
    joined = np.ascontiguousarray((values[:, ::2] << 4) | values[:, 1::2])
    fields: list[str | bytes] = joined.view(f"V{UUID_BYTES}").ravel().tolist()
    for place in np.flatnonzero(~good).tolist():
        fields[place] = texts[place]
    return fields


def unpacked(field: bytes) -> str:
    """The text that a field of the directory stands for."""
    if len(field) == UUID_BYTES:
        digits = field.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return field.removeprefix(ESCAPE).decode()
