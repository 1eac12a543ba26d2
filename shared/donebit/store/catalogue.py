"""The catalogue of every key that Donebit writes, as data: the documentation and the tests read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final

from donebit.store.catalogue_rows import ROWS, SECTIONS, KeyRow

NAMES_CACHED = 5000
NAME = "[A-Za-z0-9._-]{1,100}"
PLACEHOLDERS: Final = {
    "<task>": NAME,
    "<schedule>": "[A-Za-z0-9._-]{1,70}",
    "<job>": NAME,
    "<event>": NAME,
    "<flag>": NAME,
    "<kind>": NAME,
    "<object>": NAME,
    "<segment>": r"\d+",
    "<bucket>": r"\d+",
    "<shard>": "[0-9a-f]",
    "<minute>": r"\d+",
    "<second>": r"\d+",
    "<seconds>": r"\d+",
    "<level>": r"\d+",
    "<suffix>": "[0-9A-Za-z]{3}",
    "<token>": "[A-Za-z0-9-]+",
    "<generation>": "[0-9a-f]+",
    "<message>": ".+",
    "<period>": r"\d{4}-[0-9TW-]+",
    "<users>": "(?:integers|texts|mapped)",
    "<directory>": r"(?:users|mapped)(?:-\d+/\d+)?",
    "<delivery>": "(?:webhook|callback|then)",
    "<process>": "(?:worker|sweep|health)",
    "<key>": ".+",
    "<queue>": r"donebit\.(?:control|(?:high_)?(?:steps|slices))(?:\x06\x16\d)?",
    "<exchange>": NAME,
}


class Catalogue:
    """The rows of keys under one prefix.

    Args:
        prefix: what every key of the installation begins with
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], KeyRow]]:
        return [(re.compile(re.escape(self.prefix) + regular_expression(row.pattern)), row) for row in ROWS]

    def row_of(self, name: str) -> KeyRow | None:
        """The row that describes a key; None for a key that is not the installation's."""
        return self._recently_found(name)

    @cached_property
    def _recently_found(self) -> Callable[[str], KeyRow | None]:
        """Finds a row: a backup asks several times for each key, and a row costs up to forty patterns."""
        return lru_cache(maxsize=NAMES_CACHED)(self._find)

    def _find(self, name: str) -> KeyRow | None:
        return next((row for pattern, row in self._patterns if pattern.fullmatch(name)), None)


def regular_expression(pattern: str) -> str:
    """A pattern of the catalogue as a regular expression."""
    parts = re.split(r"(<\w+>)", pattern)
    return "".join(PLACEHOLDERS[part] if part in PLACEHOLDERS else re.escape(part) for part in parts)


def table() -> str:
    """The catalogue as docs/operations.md shows it, in Markdown."""
    lines = []
    for title, rows in SECTIONS.items():
        lines += [f"### {title}", "", "| key | type | goes | what |", "|---|---|---|---|"]
        lines += [
            f"| `{row.pattern}` | {row.redis_type} | {row.ttl.value} | {escaped(row.meaning)} |"
            for row in rows
        ]
        lines.append("")
    return "\n".join(lines)


def escaped(text: str) -> str:
    """A text whose angle brackets Markdown shows and does not take for HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;")
