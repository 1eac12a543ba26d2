"""Commands as they are sent; without numpy, which no program that only counts chords has to load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from hiredis import Reader, pack_command


class PackedCommand(bytes):
    """A command as it is sent, and the key that decides where it goes on a cluster."""

    key: str

    @property
    def arguments(self) -> list[bytes]:
        """The command as it is given, for what packs it again."""
        reader = Reader()
        reader.feed(self)
        return cast(list[bytes], reader.gets())


Command = Sequence[str | int | bytes] | PackedCommand


def call_on(digest: str, begin: str, ends: Sequence[str], argument: str | int) -> Command:
    """A call of a script on many keys. Where all are equally long, as days are, it is written at once.

    Args:
        digest: the script's
        begin: what all keys begin with
        ends: how each goes on, in ASCII
        argument: the only one that the script has
    """
    if len(set(map(len, ends))) != 1:
        return ("EVALSHA", digest, len(ends), *(begin + end for end in ends), argument)
    call, last = packed(("EVALSHA", digest, len(ends))), packed((argument,))
    before = f"${len(begin.encode()) + len(ends[0])}\r\n{begin}"
    names = f"\r\n{before}".join(ends)
    _, words = call.split(b"\r\n", 1)
    _, word = last.split(b"\r\n", 1)
    sent = PackedCommand(b"*%d\r\n%b%b\r\n%b" % (4 + len(ends), words, (before + names).encode(), word))
    sent.key = begin + ends[0]
    return sent


def packed(command: Command) -> bytes:
    """A command as it is sent."""
    if isinstance(command, PackedCommand):
        return command
    sent: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    return sent
