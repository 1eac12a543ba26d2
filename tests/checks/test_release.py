"""What `make release` makes: the files, and a signed tag where one can be made."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from checks import release
from tests.started import REPOSITORY

VERSION = release.version_of(REPOSITORY)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    made = [*release.build(folder, REPOSITORY, VERSION), release.list_parts(folder, REPOSITORY, VERSION)]
    release.write_sums(folder, made)
    return folder


def test_the_wheel_and_the_sdist_hold_the_services_and_the_client(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"donebit-{VERSION}-py3-none-any.whl") as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(dist / f"donebit-{VERSION}.tar.gz") as sdist:
        in_sdist = {name.partition("/")[2].removeprefix("shared/") for name in sdist.getnames()}

    assert {"donebit/client.py", "donebit/store/scripts/mark_steps.lua", "done_app/service.py"} <= in_wheel
    assert {name for name in in_wheel if ".dist-info/" not in name} <= in_sdist


def test_the_list_of_parts_is_what_the_lock_says(dist: Path) -> None:
    listed = json.loads((dist / f"donebit-{VERSION}.cdx.json").read_text())
    lock = (REPOSITORY / "locks/run.txt").read_text()

    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["version"] == VERSION
    pinned = set(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==([^ ;]+)", lock, re.MULTILINE))
    assert {(part["name"], part["version"]) for part in listed["components"]} == pinned
    assert all(part["externalReferences"][0]["hashes"] for part in listed["components"])


def test_the_sums_are_those_of_the_files(dist: Path) -> None:
    sums = dict(line.split("  ")[::-1] for line in (dist / release.SUMS).read_text().splitlines())

    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in dist.iterdir()
        if file.name.startswith("donebit-")
    }
    assert len(sums) == 3


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", "-C", folder, *arguments), check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a key to sign with, and all committed."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init")
    key = tmp_path / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True)
    for name, value in {
        "user.name": "Somebody",
        "user.email": "somebody@example.org",
        "gpg.format": "ssh",
        "user.signingkey": f"{key}.pub",
        "commit.gpgsign": "false",
    }.items():
        git(folder, "config", name, value)
    (folder / "CHANGELOG.md").write_text("# Changelog\n\n## 9.9.9\n")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "All")
    return folder


def test_the_tag_is_signed(project: Path) -> None:
    assert release.sign_tag(project, "9.9.9") == "v9.9.9"

    assert "-----BEGIN SSH SIGNATURE-----" in release.git(project, "cat-file", "tag", "v9.9.9")
    with pytest.raises(release.NoTag, match=r"v9\.9\.9 is there already"):
        release.sign_tag(project, "9.9.9")


def test_a_tag_that_cannot_be_made_is_a_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(release.NoTag, match=r"no section 9\.9\.8"):
        release.sign_tag(project, "9.9.8")
    (project / "more").touch()
    with pytest.raises(release.NoTag, match="not everything is committed"):
        release.sign_tag(project, "9.9.9")
    git(project, "config", "--unset", "user.signingkey")
    with pytest.raises(release.NoTag, match="no key to sign it"):
        release.sign_tag(project, "9.9.9")

    assert release.git(project, "tag", "--list") == ""
