"""A row of the catalogue: one kind of key, its type, and whether it goes by itself."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Ttl(StrEnum):
    """Whether a key goes by itself."""

    PERMANENT = "permanent"
    EXPIRES = "expires"
    SCRATCH = "scratch"  # of a script, gone before it ends
    REPLACED = "once replaced"  # a minute later, for those who read it


class KeyRow(NamedTuple):
    """One kind of key.

    Attributes:
        pattern: its name without the prefix
        redis_type: as TYPE answers
        ttl: whether it goes by itself
        meaning: what it holds, and for how long, in plain words
    """

    pattern: str
    redis_type: str
    ttl: Ttl
    meaning: str

    @property
    def hash_tag(self) -> str:
        """What decides over its slot on a cluster; empty where the whole name does."""
        found = re.search(r"\{(.+?)\}", self.pattern)
        return found[1] if found else ""


PERMANENT, EXPIRES, SCRATCH, REPLACED = Ttl.PERMANENT, Ttl.EXPIRES, Ttl.SCRATCH, Ttl.REPLACED
