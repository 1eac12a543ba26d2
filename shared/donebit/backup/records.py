"""The file of a backup: keys with what they hold, one after the other, in parts of bounded size, compressed.

A frame is a letter, the length of what follows in four bytes, and that. `K` begins a key (JSON), `V` has some
of its values, `E` ends it. `G` names a key that was dropped after it had been written. A key that is written
again is as it was written last. `Z` ends the file.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from donebit.errors import BadBackup
from donebit.store.key_values import KeyHead, packed_values, unpacked_values

HEADER = struct.Struct("<cI")
KEY, VALUES, END_OF_KEY, GONE, END = b"K", b"V", b"E", b"G", b"Z"
LONGEST_FRAME = 1 << 30  # a string within a transaction may be 512 MB
COMPRESSION = 1  # the quickest: bitmaps are mostly dense or mostly empty


class Frame(NamedTuple):
    """One frame; what does not belong to its letter is empty."""

    letter: bytes
    head: KeyHead
    values: list[bytes]


NO_KEY = KeyHead("", "string", 0)


class RecordWriter:
    """Writes the frames of a backup.

    Args:
        file: open for writing; left open
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zipped = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=COMPRESSION, mtime=0)

    def write_key(self, head: KeyHead, parts: Iterable[list[bytes]]) -> None:
        """Write a key, or that it is gone where it holds nothing."""
        begun = False
        for values in parts:
            if not values:
                continue
            if not begun:
                about = {"name": head.name, "type": head.kind, "expires_ms": head.expires_ms}
                self._frame(KEY, json.dumps(about).encode())
                begun = True
            self._frame(VALUES, packed_values(values))
        if begun:
            self._frame(END_OF_KEY)
        else:
            self._frame(GONE, head.name.encode(errors="surrogateescape"))

    def close(self) -> None:
        """Say that this is all."""
        self._frame(END)
        self._zipped.close()

    def _frame(self, letter: bytes, content: bytes = b"") -> None:
        self._zipped.write(HEADER.pack(letter, len(content)))
        self._zipped.write(content)


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames of a backup, without its last.

    Raises:
        BadBackup: it is damaged or cut short.
    """
    try:
        with gzip.open(path) as file:
            head = NO_KEY
            while (letter := (found := _frame(file))[0]) != END:
                if letter == KEY:
                    head = _head(found[1])
                if letter == GONE:
                    head = NO_KEY._replace(name=found[1].decode(errors="surrogateescape"))
                yield Frame(letter, head, unpacked_values(found[1]) if letter == VALUES else [])
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error, ValueError, KeyError) as error:
        raise BadBackup(f"{path} is damaged or cut short ({error}): nothing of it was restored") from error


def _frame(file: gzip.GzipFile) -> tuple[bytes, bytes]:
    letter, length = HEADER.unpack(file.read(HEADER.size))
    if length > LONGEST_FRAME:
        raise ValueError(f"a part of {length} bytes")
    content = file.read(length)
    if len(content) < length:
        raise EOFError("it ends too early")
    return letter, content


def _head(content: bytes) -> KeyHead:
    about: dict[str, Any] = json.loads(content)
    return KeyHead(about["name"], about["type"], about["expires_ms"])
