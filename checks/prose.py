"""Sentences that people read outside of the code: docs, the help of the Makefile, pages of the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Of a Markdown page these are no sentences: blocks and spans of code, comments, where a link leads.
NOT_MARKDOWN_PROSE = re.compile(r"^```.*?^```|`[^`]*`|<!--.*?-->|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
# Of a template: comments, statements, expressions, and tags without the attributes that are read out.
NOT_TEMPLATE_PROSE = re.compile(
    r"{#.*?#}|{%.*?%}|{{.*?}}|<script.*?</script>|<code>.*?</code>"
    r"|</?\w+|(?<![\w-])(?!title|placeholder|aria-label)[\w-]+=\"[^\"]*\"",
    re.DOTALL,
)
NOT_MAKEFILE_HELP = re.compile(r"^(?:(?!## ).)*$|^.*?## ", re.MULTILINE)
FIELD_TERMS = re.compile(r"behind[ -]a[ -]proxy", re.IGNORECASE)  # what operators call it
RELEASED = re.compile(r"^## \d.*", re.DOTALL | re.MULTILINE)  # of the changelog: history, and left as it was


@dataclass(frozen=True, slots=True)
class Prose:
    """The sentences of a file, on the lines where the file has them."""

    path: str
    text: str

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


def prose_of(repository: Path) -> Iterator[Prose]:
    """Yield the sentences of each page, of the Makefile's help and of each template."""
    for file in sorted([*repository.glob("*.md"), *repository.glob("docs/**/*.md")]):
        released = [RELEASED] if file.name == "CHANGELOG.md" else []
        yield _prose(repository, file, *released, NOT_MARKDOWN_PROSE)
    yield _prose(repository, repository / "Makefile", NOT_MAKEFILE_HELP)
    for file in sorted(repository.glob("trigger_app/templates/**/*.html")):
        yield _prose(repository, file, NOT_TEMPLATE_PROSE)


def _prose(repository: Path, file: Path, *removed: re.Pattern[str]) -> Prose:
    text = file.read_text()
    for pattern in removed:
        text = pattern.sub(_lines_alone, text)
    return Prose(file.relative_to(repository).as_posix(), FIELD_TERMS.sub(" ", text))


def _lines_alone(found: re.Match[str]) -> str:
    return " " + "\n" * found[0].count("\n")
