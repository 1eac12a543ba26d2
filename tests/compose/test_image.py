"""What the Dockerfile promises, read without Docker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.started import REPOSITORY

LINES = (REPOSITORY / "Dockerfile").read_text().splitlines()
INSTRUCTIONS = [line.split() for line in LINES if line and not line.startswith("#")]
IGNORED = [
    line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
]


def of(kind: str) -> list[list[str]]:
    return [words[1:] for words in INSTRUCTIONS if words[0] == kind]


def copied() -> set[str]:
    """What comes from the repository."""
    return {source for *sources, _ in of("COPY") for source in sources if not of_a_stage(sources)}


def of_a_stage(words: list[str]) -> bool:
    return words[0].startswith("--from=")


def test_everything_that_is_copied_exists() -> None:
    missing = {source for source in copied() if not (REPOSITORY / source).exists()}

    assert copied()
    assert not missing


def test_every_package_of_the_product_is_in_the_image() -> None:
    packages = {file.parent.name for file in REPOSITORY.glob("*/__init__.py")} - {"tests", "benchmarks"}

    assert packages <= copied()


def test_the_command_is_on_the_path_of_the_image(tmp_path: Path) -> None:
    (line,) = [line for line in LINES if line.startswith("RUN printf")]
    stage = LINES.index("COPY locks/run.txt /run.txt"), LINES.index("COPY --from=build /venv /venv")
    assert stage[0] < LINES.index(line) < stage[1]
    command = tmp_path / "donebit"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    subprocess.run(
        ["sh", "-c", line.removeprefix("RUN ").replace("/venv/bin/donebit", str(command))], check=True
    )
    done = subprocess.run(
        [command, "count", "--help"],
        cwd=REPOSITORY,  # whose packages are in the image's working folder
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Usage: donebit count")


def test_the_image_runs_as_nobody_of_importance() -> None:
    last_user = of("USER")[-1]

    assert last_user not in (["root"], ["0"])
    assert f"{last_user[0]}" in " ".join(of("RUN")[-1])


def test_what_is_installed_is_what_the_lock_says() -> None:
    install = next(" ".join(words) for words in of("RUN") if "pip" in " ".join(words))

    assert "--require-hashes -r /run.txt" in install
    assert ["locks/run.txt", "/run.txt"] in of("COPY")


def test_nothing_but_what_is_copied_reaches_the_image() -> None:
    first, *others = IGNORED

    assert first == "*"  # so .env, .git, .venv and .data stay out
    assert {line[1:] for line in others if line.startswith("!")} == copied()
