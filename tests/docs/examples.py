"""What README.md and docs/ show: commands with their answers, and files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGES_EACH_TIME = {
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"): "<time>",
    re.compile(
        r"(?:(?<=[\".])|(?<=task ))[0-9a-f]{12}\b"
    ): "<id>",  # of a task, not of a text that never changes
    re.compile(r"\s+"): " ",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A command, and what it answers; `...` stands for anything."""

    command: str
    answer: str

    def is_answered_by(self, said: str) -> bool:
        wanted = re.escape(settled(self.answer)).replace(re.escape("..."), ".*")
        return re.fullmatch(wanted, settled(said)) is not None


def settled(text: str) -> str:
    """The text without what is another one each time."""
    for pattern, name in CHANGES_EACH_TIME.items():
        text = pattern.sub(name, text)
    return text.strip()


def blocks(document: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(document.read_text()) if kind == language]


def examples(document: Path) -> list[Example]:
    """Each `$ command` of the document's console blocks, with the lines that follow it."""
    parts = [
        part for block in blocks(document, "console") for part in re.split(r"^\$ ", block, flags=re.M)[1:]
    ]
    return [Example(*part.partition("\n")[::2]) for part in parts]


def files(document: Path) -> dict[str, str]:
    """Each Python file of the document that names itself in its first line."""
    named = ((re.match(r'"""(\w+\.py):', body), body) for body in blocks(document, "python"))
    return {match[1]: body for match, body in named if match}
