"""How far a file was loaded, noted beside it: a load that was stopped, by whatever, goes on there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from donebit.command_line.exit_codes import UsageError

HEAD = 65_536  # bytes that are hashed: a file of the same size and time may yet be another
SUFFIX = ".donebit-load"


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells whether it is the same file still, loaded in the same way."""

    size: int
    mtime_ns: int
    head_sha256: str
    asked: Mapping[str, Any]

    @classmethod
    def of(cls, file: Path, asked: Mapping[str, Any]) -> Identity:
        about = file.stat()
        with file.open("rb") as opened:
            digest = hashlib.sha256(opened.read(HEAD)).hexdigest()
        return cls(about.st_size, about.st_mtime_ns, digest, asked)


@dataclass
class Progress:
    """What was loaded until now."""

    offset: int = 0  # bytes of the file that are done with
    line: int = 0  # the last line that is
    received: int = 0
    fresh: int = 0
    skipped: int = 0
    is_fresh_exact: bool = True  # false: visits were sent whose answer nobody wrote down
    kinds: dict[str, str] = field(default_factory=dict)


class LoadState:
    """The small file."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self._identity = path, identity

    def read(self) -> Progress | None:
        """What the load before left; None where there is none.

        Raises:
            Misused: it is about another file, or the same one loaded in another way, or no state at all.
        """
        try:
            told = json.loads(self.path.read_text())
            identity, progress = Identity(**told["identity"]), Progress(**told["progress"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            raise UsageError(
                f"{self.path} does not say how far the load came; --restart begins anew"
            ) from None
        if told.pop("sending"):
            progress.is_fresh_exact = False
        if identity != self._identity:
            raise UsageError(
                f"{self.path} is about {self._difference(identity)}; --restart begins anew "
                "(a visit that was sent before is not counted twice)"
            )
        return progress

    def write(self, progress: Progress, *, sending: bool) -> None:
        """Whole or not at all, whenever this process is killed.

        Args:
            sending: what comes next is being sent, and may arrive without its answer being written down
        """
        told = {"identity": asdict(self._identity), "progress": asdict(progress), "sending": sending}
        unfinished = self.path.with_name(f"{self.path.name}.new")
        try:
            with unfinished.open("w") as file:
                json.dump(told, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except OSError as error:
            raise UsageError(
                f"{self.path}, where it is noted how far the load came, cannot be written: {error.strerror}; "
                "--state names another place"
            ) from None

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _difference(self, before: Identity) -> str:
        if before.asked != self._identity.asked:
            return "a load that was asked for with other options"
        return "the file as it was before; it has changed since"
