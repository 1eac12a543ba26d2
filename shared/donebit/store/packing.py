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


def packed(command: Command) -> bytes:
    """A command as it is sent."""
    if isinstance(command, PackedCommand):
        return command
    sent: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    return sent
