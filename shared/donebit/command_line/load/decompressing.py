"""Decompresses bzip2 and xz strictly, where Python's own files leave out what they do not understand."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

READ_BYTES = 1 << 17


class Decompressor(Protocol):
    """What bz2 and lzma decompress one stream with."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Streams:
    """Compressed streams, one after the other, with zeros between them at most.

    BZ2File and LZMAFile end at the first stream that begins wrong, as if the file did, and lose what follows.
    """

    def __init__(self, file: BinaryIO, begin: Callable[[], Decompressor]) -> None:
        """Make a reader.

        Args:
            file: The compressed bytes.
            begin: Makes what decompresses one stream.
        """
        self._file, self._begin = file, begin
        self._stream, self._rest = begin(), b""

    def read(self, size: int) -> bytes:
        """Read up to so many bytes; none at the end.

        Raises:
            OSError, EOFError, lzma.LZMAError: A stream is damaged, cut, or none; all before it was read.
        """
        while not self._stream.eof or self._has_next():
            if part := self._stream.decompress(self._compressed(), size):
                return part
        return b""

    def _compressed(self) -> bytes:
        """Return what the stream wants next; nothing while it has enough."""
        compressed, self._rest = self._rest, b""
        if not compressed and self._stream.needs_input:
            compressed = self._file.read(READ_BYTES)
            if not compressed:
                raise EOFError("the compressed file is cut off")
        return compressed

    def _has_next(self) -> bool:
        """Begin the stream after the one that ended, and return whether there is one."""
        rest = self._stream.unused_data.lstrip(b"\0")
        while not rest and (more := self._file.read(READ_BYTES)):
            rest = more.lstrip(b"\0")
        if rest:
            self._stream, self._rest = self._begin(), rest
        return bool(rest)
