"""The progress of a load, stored beside its file, so that an interrupted load can be continued."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from donebit.command_line.exit_codes import OperationFailed, UsageError

HEAD = 65_536  # bytes that are hashed: another file may have the same size and time
SUFFIX = ".donebit-load"


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies a file and how it is loaded, to see that both are still the same."""

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
    """What is loaded so far."""

    offset: int = 0  # in bytes: all before it is loaded
    line: int = 0  # the last line that is loaded
    received: int = 0
    fresh: int = 0
    skipped: int = 0
    is_fresh_exact: bool = (
        True  # false: an answer to visits was lost, or a run was killed before it stored it
    )
    kinds: dict[str, str] = field(default_factory=dict)


class LoadState:
    """The file that holds the progress."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self._identity = path, identity

    def read(self) -> Progress | None:
        """Return the progress of the load before; None if there is none.

        Raises:
            UsageError: The progress is that of another file or of other options, or cannot be read.
        """
        try:
            stored = json.loads(self.path.read_text())
            identity, progress = Identity(**stored["identity"]), Progress(**stored["progress"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            raise UsageError(
                f"{self.path} is not the progress of a load; --restart starts from the beginning"
            ) from None
        if stored.pop("sending"):
            progress.is_fresh_exact = False
        if identity != self._identity:
            raise UsageError(
                f"{self.path} is the progress of {self._difference(identity)}; --restart starts from the "
                "beginning (a visit that was sent before does not count twice)"
            )
        return progress

    def write(self, progress: Progress, *, sending: bool) -> None:
        """Store the progress, whole or not at all if this process is killed.

        Args:
            progress: What is loaded so far.
            sending: Whether more is being sent, which may arrive without its answer being stored.

        Raises:
            UsageError: It cannot be stored, and nothing is loaded yet.
            OperationFailed: It cannot be stored any more.
        """
        content = {"identity": asdict(self._identity), "progress": asdict(progress), "sending": sending}
        unfinished = self.path.with_name(f"{self.path.name}.new")
        try:
            with unfinished.open("w") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except OSError as error:
            failed = f"the progress cannot be stored in {self.path}: {error.strerror}"
            if not progress.received:
                raise UsageError(f"{failed}; --state names another file") from None
            raise OperationFailed(
                f"{failed}. Loaded up to line {progress.line}; run the same command again once it can"
            ) from None

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _difference(self, before: Identity) -> str:
        if before.asked != self._identity.asked:
            return "a load with other options"
        return "an earlier version of the file, which has changed since"


class NoState(LoadState):
    """Stores nothing: what is read from a pipe cannot be read again from the middle."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull), Identity(0, 0, "", {}))

    def read(self) -> None:
        return None

    def write(self, progress: Progress, *, sending: bool) -> None:
        """Do nothing."""

    def forget(self) -> None:
        """Do nothing."""
