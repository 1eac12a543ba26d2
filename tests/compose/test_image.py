"""What the Dockerfile promises, read without Docker."""

from __future__ import annotations

import tomllib
from pathlib import PurePath

from tests.started import REPOSITORY

LINES = (REPOSITORY / "Dockerfile").read_text().splitlines()
INSTRUCTIONS = [line.split() for line in LINES if line and not line.startswith("#")]
LOCKS = ("run", "otel")
IGNORED = [
    line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
]


def of(kind: str) -> list[list[str]]:
    return [words[1:] for words in INSTRUCTIONS if words[0] == kind]


def copied() -> set[str]:
    """What comes from the repository, with either of its locks."""
    sources = {source for *sources, _ in of("COPY") for source in sources if not of_a_stage(sources)}
    return {source.replace("${LOCK}", lock) for source in sources for lock in LOCKS}


def of_a_stage(words: list[str]) -> bool:
    return words[0].startswith("--from=")


def test_everything_that_is_copied_exists() -> None:
    missing = {source for source in copied() if not (REPOSITORY / source).exists()}

    assert copied()
    assert not missing


def test_every_package_of_the_product_is_in_the_image() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert {PurePath(package).parts[0] for package in packages} <= copied()


def test_the_project_is_installed_after_what_it_is_built_with() -> None:
    commands = [" ".join(words) for words in of("RUN")]
    built = "/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation ."

    assert built in commands
    assert commands.index(built) > next(i for i, one in enumerate(commands) if "--require-hashes" in one)
    assert {"hatchling"} <= {
        line.split("==")[0] for line in (REPOSITORY / "locks/run.txt").read_text().splitlines()
    }


def test_the_image_runs_as_nobody_of_importance() -> None:
    last_user = of("USER")[-1]

    assert last_user not in (["root"], ["0"])
    assert f"{last_user[0]}" in " ".join(of("RUN")[-1])


def test_what_is_installed_is_what_the_lock_says() -> None:
    install = next(" ".join(words) for words in of("RUN") if "pip" in " ".join(words))

    assert "--require-hashes -r /lock.txt" in install
    assert ["locks/${LOCK}.txt", "/lock.txt"] in of("COPY")
    assert ["LOCK=run"] in of("ARG")


def test_nothing_but_what_is_copied_reaches_the_image() -> None:
    first, *others = IGNORED

    assert first == "*"  # so .env, .git, .venv and .data stay out
    assert {line[1:] for line in others if line.startswith("!")} == copied()
