"""Commands as they are sent; without numpy, which no program that only counts chords has to load."""

from __future__ import annotations

from collections.abc import Sequence

from hiredis import pack_command

Command = Sequence[str | int | bytes] | bytes  # bytes: as it is sent


def packed(command: Command) -> bytes:
    """A command as it is sent."""
    if isinstance(command, bytes):
        return command
    sent: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # takes any number
    return sent
