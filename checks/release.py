"""`python -m checks.release DIST`: what a release consists of, and its tag.

DIST gets the wheel, the sdist, a CycloneDX list of what the services are made of, and the sums of all three.
The tag is made where a key to sign it is set, everything is committed, and CHANGELOG.md has the version.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

SUMS = "SHA256SUMS"


class NoTag(Exception):
    """Why the tag is not made, in a sentence."""


def main(dist: Path, project: Path) -> None:
    version = version_of(project)
    dist.mkdir(parents=True, exist_ok=True)
    made = [*build(dist, project, version), list_parts(dist, project, version)]
    write_sums(dist, made)
    for file in (*made, dist / SUMS):
        sys.stdout.write(f"{file}\n")
    try:
        sys.stdout.write(f"signed tag {sign_tag(project, version)}\n")
    except NoTag as reason:
        sys.stdout.write(f"no tag: {reason}\n")


def version_of(project: Path) -> str:
    """The version that pyproject.toml has."""
    return str(tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"])


def build(dist: Path, project: Path, version: str) -> list[Path]:
    """Build the wheel and the sdist, and return their files."""
    command = (sys.executable, "-m", "hatchling", "build", "--directory", str(dist.resolve()))
    subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [dist / f"donebit-{version}-py3-none-any.whl", dist / f"donebit-{version}.tar.gz"]


def list_parts(dist: Path, project: Path, version: str) -> Path:
    """List every package that the image installs, with its hashes, and return the file."""
    file = dist / f"donebit-{version}.cdx.json"
    given = ("--pyproject", str(project / "pyproject.toml"), str(project / "locks/run.txt"))
    command = (sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--output-reproducible")
    subprocess.run((*command, "--of", "JSON", "--output-file", str(file), *given), check=True)
    return file


def write_sums(dist: Path, files: list[Path]) -> None:
    """Write the sums as `sha256sum --check` reads them."""
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (dist / SUMS).write_text("".join(sums))


def sign_tag(project: Path, version: str) -> str:
    """Make the signed tag of this version, and return its name.

    Raises:
        NoTag: it cannot be made here, or not yet.
    """
    tag = f"v{version}"
    if not git(project, "config", "user.signingkey"):
        raise NoTag("no key to sign it is set (git config user.signingkey)")
    if f"\n## {version}\n" not in (project / "CHANGELOG.md").read_text():
        raise NoTag(f"CHANGELOG.md has no section {version}: name Unreleased so")
    if git(project, "status", "--porcelain"):
        raise NoTag("not everything is committed")
    if git(project, "tag", "--list", tag):
        raise NoTag(f"{tag} is there already")
    made = _git(project, "tag", "--sign", tag, "--message", f"Donebit {version}")
    if made.returncode:
        raise NoTag(f"git could not sign it: {made.stderr.strip()}")
    return tag


def git(project: Path, *arguments: str) -> str:
    """What git says; empty where it fails."""
    return _git(project, *arguments).stdout.strip()


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ("/usr/bin/env", "git", "-C", str(project), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path.cwd())
