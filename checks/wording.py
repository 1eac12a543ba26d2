"""How plainly the code is named: `python -m checks.wording` counts, and fails above the limits beside it.

The limits are a ratchet: they may be lowered, and nothing may be added that would raise a count above them.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.prose import Prose, prose_of

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent
PRODUCT = ("shared", "trigger_app", "done_app", "distinct_app")
# Verbs and prepositions that say nothing of what a function reads or returns.
VAGUE_NAMES = {"read", "of", "told", "asked", "about", "made", "found"}
LONGEST_TEST_NAME = 70
SHOWN = 120  # places named where a limit is passed

Function = ast.FunctionDef | ast.AsyncFunctionDef
WithDocstring = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file and its syntax tree."""

    path: str
    tree: ast.Module

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def documented(self) -> Iterator[WithDocstring]:
        return (node for node in ast.walk(self.tree) if isinstance(node, WithDocstring))


def sources(*folders: str) -> list[Source]:
    files = (file for folder in folders for file in sorted((REPOSITORY / folder).rglob("*.py")))
    return [Source(file.relative_to(REPOSITORY).as_posix(), ast.parse(file.read_text())) for file in files]


def banned_words() -> list[re.Pattern[str]]:
    """Whole words of words.txt; those written with a capital in the list only where they have it."""
    lines = (line.partition("->")[0].strip() for line in (FOLDER / "words.txt").read_text().splitlines())
    return [
        re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE if word.islower() else 0)
        for word in lines
        if word and not word.startswith("#")
    ]


def private_words(product: Iterable[Source]) -> list[str]:
    """Every use of a banned word in a docstring, as `path:line word`."""
    words = banned_words()
    return [
        f"{source.path}:{getattr(node, 'lineno', 1)} {found}"
        for source in product
        for node in source.documented()
        for word in words
        for found in word.findall(ast.get_docstring(node) or "")
    ]


def private_words_in_prose(texts: Iterable[Prose]) -> list[str]:
    """Every use of a banned word in a page, the Makefile's help or a template, as `path:line word`."""
    words = banned_words()
    return [
        f"{prose.path}:{prose.line_of(found.start())} {found[0]}"
        for prose in texts
        for word in words
        for found in word.finditer(prose.text)
    ]


def shared_class_names(product: Iterable[Source]) -> list[str]:
    """Names that more than one class has."""
    counts = Counter(node.name for source in product for node in source.classes())
    return sorted(f"{name} ({count} classes)" for name, count in counts.items() if count > 1)


def vague_functions(product: Iterable[Source]) -> list[str]:
    """Module-level functions whose name does not say what they read or return."""
    return [
        f"{source.path}:{node.lineno} {node.name}"
        for source in product
        for node in source.tree.body
        if isinstance(node, Function) and node.name in VAGUE_NAMES
    ]


def long_test_names(tests: Iterable[Source]) -> list[str]:
    return [
        f"{source.path}:{node.lineno} {node.name} ({len(node.name)} characters)"
        for source in tests
        for node in source.functions()
        if node.name.startswith("test_") and len(node.name) > LONGEST_TEST_NAME
    ]


def long_functions(product: Iterable[Source], longest: int) -> list[str]:
    return [
        f"{source.path}:{node.lineno} {node.name} ({lines} lines)"
        for source in product
        for node in source.functions()
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > longest
    ]


def measure(limits: Mapping[str, int]) -> dict[str, list[str]]:
    """What counts against each limit, place by place."""
    product, tests = sources(*PRODUCT), sources("tests")
    return {
        "private_words_in_docstrings": private_words(product),
        "private_words_in_prose": private_words_in_prose(prose_of(REPOSITORY)),
        "class_names_used_twice": shared_class_names(product),
        "vague_function_names": vague_functions(product),
        "test_names_above_70_characters": long_test_names(tests),
        "functions_longer_than_limit": long_functions(product, limits["longest_function"]),
    }


def main() -> int:
    """Print each count beside its limit, and the places where one is passed; 1 if any is."""
    limits: dict[str, int] = tomllib.loads((FOLDER / "limits.toml").read_text())
    failed = False
    for name, places in measure(limits).items():
        limit = limits.get(name, 0)
        over = len(places) > limit
        failed |= over
        sys.stdout.write(f"{name}: {len(places)} (limit {limit})\n")
        if over:
            sys.stdout.writelines(f"  {place}\n" for place in places[:SHOWN])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
