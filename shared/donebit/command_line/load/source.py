"""The bytes of a file or a pipe as UTF-8: decompressed, and without a byte order mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.load.decompressing import Streams

STANDARD_INPUT = Path("-")
DEVICES = ("/dev/", "/proc/")  # /dev/stdin, and what a shell makes of <(zcat visits.csv.gz)
MARK = codecs.BOM_UTF8
# The longer marks first: UTF-32 begins as UTF-16 does.
WIDE: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
DECOMPRESSED: Final[dict[bytes, Callable[[BinaryIO], Readable]]] = {
    b"\x1f\x8b": lambda file: AsRead(gzip.GzipFile(fileobj=file, mode="rb")),
    b"BZh": lambda file: Streams(file, bz2.BZ2Decompressor),
    b"\xfd7zXZ": lambda file: Streams(file, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ)),
}
ZIP: Final = b"PK\x03\x04"
ZIP_NAME_AT: Final = 30  # of the first member's name
# Workbooks are zip archives whose first member is one of these.
WORKBOOK_MEMBERS: Final = (
    b"[Content_Types].xml",
    b"mimetypeapplication/vnd.",
    b"_rels/",
    b"docProps/",
    b"xl/",
)
# What we do not read, by the bytes at an offset, and how it is read nevertheless.
EXPORTED = "which has to be exported as CSV or NDJSON"
OTHERS: Final = {
    (0, ZIP): "a zip archive: unzip -p {file} | donebit load -",
    (0, b"\x28\xb5\x2f\xfd"): "compressed with zstd: zstd -dc {file} | donebit load -",
    (0, b"\x04\x22\x4d\x18"): "compressed with lz4: lz4 -dc {file} | donebit load -",
    (0, b"\x1f\x9d"): "compressed with compress: gzip -dc {file} | donebit load -",
    (0, b"7z\xbc\xaf\x27\x1c"): "a 7-Zip archive: 7z x -so {file} | donebit load -",
    (257, b"ustar"): "a tar archive: tar -xOf {file} | donebit load -",
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"): f"an Excel workbook, {EXPORTED}",
    (0, b"PAR1"): f"Parquet, {EXPORTED}",
    (0, b"Obj\x01"): f"Avro, {EXPORTED}",
    (0, b"ORC"): f"ORC, {EXPORTED}",
    (0, b"ARROW1"): f"Arrow, {EXPORTED}",
    (0, b"SQLite format 3"): f"a SQLite database, {EXPORTED}",
}


class DamagedFile(Exception):
    """The rest of the file cannot be read; the message says why."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class FileSize:
    """The size of a file when it was opened."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._bytes = file, os.fstat(file.fileno()).st_size

    def check(self, *, in_line: bool) -> None:
        """Check it once more, at the file's end. Whole lines may have been added.

        Args:
            in_line: Whether the file ends within a line.

        Raises:
            DamagedFile: The file is shorter now, or its last line may be written in part.
        """
        now = os.fstat(self._file.fileno()).st_size
        if now < self._bytes or (in_line and now > self._bytes):
            raise DamagedFile(f"it had {self._bytes} bytes when it was opened, and has {now} now")


class AsRead:
    """A gzip file that gives what it has as soon as it has something: an error later on loses none of it."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.read = file.read1


class Source:
    """A stream of bytes whose beginning can be looked at before it is read."""

    def __init__(self, stream: Readable, file: BinaryIO | None = None, size: FileSize | None = None) -> None:
        """Make a source.

        Args:
            stream: Where the bytes come from.
            file: The same as a plain file, in which any offset can be gone to; None if that is not possible.
            size: That of the file which the bytes are made of; None for a pipe.
        """
        self._stream, self._file, self.size = stream, file, size
        self._head = b""
        self._damage: DamagedFile | None = None  # what comes after the head
        self._start = 0  # of what is read, in the file

    def peek(self, size: int) -> bytes:
        """Return the first bytes, fewer only at the end, or before what cannot be read."""
        try:
            while len(self._head) < size and (more := self._read(size - len(self._head))):
                self._head += more
        except DamagedFile as error:
            if not self._head:
                raise
            self._damage = error
        return self._head[:size]

    def drop(self, size: int) -> None:
        """Leave the first bytes out, so that offsets count from the byte after them."""
        self.peek(size)
        self._head, self._start = self._head[size:], size

    def read(self, size: int) -> bytes:
        """Read up to so many bytes; none at the end. Raises DamagedFile."""
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._read(size)

    def seek(self, offset: int) -> bool:
        """Go to an offset; returns whether that is possible."""
        if self._file is None:
            return False
        self._file.seek(self._start + offset)
        self._head = b""
        return True

    def _read(self, size: int) -> bytes:
        if self._damage:
            raise self._damage
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeError) as error:
            raise DamagedFile(str(error)) from None


class Recoded:
    """UTF-16 or UTF-32 as UTF-8."""

    def __init__(self, stream: Readable, encoding: str) -> None:
        # A lone surrogate is passed on, to be refused in its line.
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._stream = stream

    def read(self, size: int) -> bytes:
        while part := self._stream.read(size):
            if text := self._decoder.decode(part):
                return text.encode(errors="surrogatepass")
        return self._decoder.decode(b"", final=True).encode(errors="surrogatepass")


def is_plain_file(path: Path) -> bool:
    """Return whether a path is a file that can be read again, and has a place beside it."""
    return path != STANDARD_INPUT and path.is_file() and not str(path.absolute()).startswith(DEVICES)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, a pipe, or standard input for `-`. Raises UsageError if that is not possible."""
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        yield file


def source_of(file: BinaryIO, path: Path) -> Source:
    """Return the file's bytes as UTF-8.

    Raises:
        UsageError: It is of a kind that is not read here; the message says what to do.
        DamagedFile: It cannot be read.
    """
    plain = is_plain_file(path)
    source = _decompressed(Source(file, file if plain else None, FileSize(file) if plain else None))
    if what := _other_kind(source.peek(512)):
        raise UsageError(f"{path} is {what.format(file=path)}")
    head = source.peek(16)
    for mark, encoding in WIDE.items():
        if head.startswith(mark):
            source.drop(len(mark))
            return Source(Recoded(source, encoding), size=source.size)
    if b"\0" in head:
        raise UsageError(
            f"{path} is neither UTF-8, nor UTF-16 or UTF-32 with a byte order mark; is this a file of visits?"
        )
    if head.startswith(MARK):
        source.drop(len(MARK))
    return source


def _decompressed(source: Source) -> Source:
    head = source.peek(6)
    for first, opener in DECOMPRESSED.items():
        if head.startswith(first):
            return Source(opener(_as_file(source)), size=source.size)
    return source


def _other_kind(head: bytes) -> str:
    """What a file is that begins so, if it is of a kind that is not read here; else empty."""
    if head.startswith(ZIP) and head[ZIP_NAME_AT:].startswith(WORKBOOK_MEMBERS):
        return f"a workbook, {EXPORTED}"
    found = (what for (at, first), what in OTHERS.items() if head.startswith(first, at))
    return next(found, "")


class _Raw(io.RawIOBase):
    """A source as a file, which is what the modules that decompress read."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
        part = self._source.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _as_file(source: Source) -> BinaryIO:
    return io.BufferedReader(_Raw(source), 1 << 17)  # type: ignore[type-var]  # its readinto takes any buffer
