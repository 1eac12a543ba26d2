"""What stands beside the file of a backup: what it was taken of, when, and how much it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from donebit.backup.contents import KindCount, summary
from donebit.errors import BadBackup

MANIFEST, DATA = "manifest.json", "data.gz"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known about a backup.

    Attributes:
        taken_at: the moment that it is of, ISO 8601 in UTC, by the server's clock
        one_moment: whether it was read as of that moment while the store was in use
        layout: the number of the layout
        zone: where days begin; None for a store without activity
        key_prefix: of the store; it may be restored under another
        server: its kind and version
        donebit: the version that took it
        bytes: of the data file
        sha256: of the data file, in hexadecimal digits
        kinds: how many keys of each pattern of the catalogue there are, and how much they hold
    """

    taken_at: str
    one_moment: bool
    layout: int
    zone: str | None
    key_prefix: str
    server: str
    donebit: str
    bytes: int
    sha256: str
    kinds: Mapping[str, KindCount]

    @property
    def counts(self) -> dict[str, int]:
        """What people count."""
        return summary(self.kinds)

    def to_json(self) -> str:
        """The manifest as it is written, for people too."""
        fields = asdict(self) | {"format": FORMAT, "counts": self.counts}
        kinds = {pattern: found._asdict() for pattern, found in self.kinds.items()}
        first = ("format", "taken_at", "counts")
        return json.dumps({name: fields.pop(name) for name in first} | fields | {"kinds": kinds}, indent=2)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of a backup.

        Raises:
            BadBackup: there is none, or a version of Donebit wrote it that this one cannot read.
        """
        path = folder / MANIFEST
        try:
            fields: dict[str, Any] = json.loads(path.read_text())
            if fields.pop("format") != FORMAT:
                raise BadBackup(
                    f"{path} is of a later version of Donebit than this one: nothing was restored"
                )
            del fields["counts"]
            kinds = {pattern: KindCount(**found) for pattern, found in fields.pop("kinds").items()}
            return cls(**fields, kinds=kinds)
        except FileNotFoundError:
            raise BadBackup(f"{folder} has no {MANIFEST}: it is no backup") from None
        except (ValueError, KeyError, TypeError) as error:
            raise BadBackup(f"{path} is damaged: nothing was restored") from error
