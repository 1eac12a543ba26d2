"""No file names the host of a package registry: which one is used is up to the reader's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.started import REPOSITORY

# In parts, so that this file does not name them either.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]
NAMED = re.compile("|".join(rf"\b{re.escape(host)}\b" for host in HOSTS))
HIDDEN_BUT_OURS = {".ci", ".github", ".dockerignore", ".gitignore", ".pre-commit-config.yaml"}
GENERATED = {"__pycache__", "dist", "build"}


def files(folder: Path) -> Iterator[Path]:
    """Every file of the repository that is not generated, a cache or an environment."""
    for path in sorted(folder.iterdir()):
        if path.name in GENERATED or (path.name.startswith(".") and path.name not in HIDDEN_BUT_OURS):
            continue
        if path.is_dir():
            yield from files(path)
        elif path.is_file():
            yield path


def hosts_in(text: str) -> list[str]:
    return NAMED.findall(text)


@pytest.mark.parametrize("host", HOSTS)
def test_a_registry_host_in_a_text_is_found(host: str) -> None:
    assert hosts_in(f"see https://{host}/project/redis/") == [host]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    texts = {path: path.read_bytes().decode(errors="ignore") for path in files(REPOSITORY)}

    assert REPOSITORY / "docs" / "from-bitmapist.md" in texts
    assert {str(path): hosts for path, text in texts.items() if (hosts := hosts_in(text))} == {}
