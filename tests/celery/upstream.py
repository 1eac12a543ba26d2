"""Celery's own integration tests of chords, on its Redis backend and on donebit+redis://, side by side.

    make test-celery                                             with the kills of tests/celery/kills.py
    .venv/bin/python -m tests.celery.upstream 5.7.0 -k chord      or one version, and other tests

Its source package is downloaded and nothing of it is kept in the repository. One thing is changed in it: what
is skipped, or expected to fail, where the backend's name begins with "redis" is so for "donebit+redis" too.
It fails when a test passes with redis:// and not with donebit+redis://; such a test is run once more, for
some go by the clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from xml.etree import ElementTree

from donebit.addresses import LOOPBACK
from tests.servers import running, valkey_binary
from tests.started import REPOSITORY

TESTS = "t/integration/test_canvas.py"
# What those tests import; the versions are those that the index has, as for whoever runs them there.
REQUIREMENTS = [
    f"pytest{one}" for one in ("", "-celery", "-rerunfailures", "-subtests", "-timeout", "-click", "-order")
]
REQUIREMENTS += ["pydantic", "hatchling", "editables"]
XPASSED = "[XPASS(strict)]"  # pytest, of a test that Celery expects to fail
ASKED, ANSWERED = ("backend.startswith(", "BACKEND.startswith("), '.removeprefix("donebit+").startswith('


def prepared(version: str, folder: Path) -> Path:
    """The unpacked source package, with an environment beside it that has what its tests need."""
    source, environment = folder / f"celery-{version}", folder / "environment"
    if not (environment / "ready").exists():
        _pip(
            Path(sys.executable),
            "download",
            "--no-deps",
            "--no-binary",
            "celery",
            f"celery=={version}",
            "-d",
            folder,
        )
        with tarfile.open(folder / f"celery-{version}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        tests = source / TESTS
        text = tests.read_text()
        for asked in ASKED:
            text = text.replace(asked, asked.replace(".startswith(", ANSWERED))
        tests.write_text(text)
        venv.create(environment, with_pip=True, clear=True)
        python = environment / "bin/python"
        _pip(python, "install", f"celery[redis]=={version}", "redis[hiredis]", "urllib3>=2.6", *REQUIREMENTS)
        _pip(python, "install", "--no-deps", "--no-build-isolation", "-e", REPOSITORY)
        (environment / "ready").touch()
    return source


def _pip(python: Path, *arguments: str | Path) -> None:
    subprocess.run([python, "-m", "pip", "--quiet", *arguments], check=True)


def outcomes(source: Path, backend: str, chosen: list[str]) -> dict[str, str]:
    """Each test's outcome on a server of its own: passed, failed, skipped (xfailed too)."""
    with tempfile.TemporaryDirectory() as folder, running(valkey_binary(), Path(folder)) as server:
        report = Path(folder) / "report.xml"
        environment = {
            "TEST_BROKER": server.url,
            "TEST_BACKEND": server.url.replace("redis://", f"{backend}://"),
            "REDIS_HOST": LOOPBACK,
            "REDIS_PORT": str(server.port),
        }
        command: list[str | Path] = [
            source.parent / "environment/bin/python",
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "-p",
        ]
        command += ["no:cacheprovider", f"--junitxml={report}", "--tb=short", TESTS, *chosen]
        subprocess.run(command, cwd=source, env=os.environ | environment, check=False)
        cases = ElementTree.parse(report).iter("testcase")  # noqa: S314  # what pytest has just written
        return {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in cases}


def _outcome(case: ElementTree.Element) -> str:
    found = {child.tag for child in case}
    if any(XPASSED in (child.get("message") or child.text or "") for child in case):
        return "passed"
    if found & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in found else "passed"


def counted(found: dict[str, str]) -> str:
    """How many of each outcome, in a line."""
    names = ("passed", "failed", "skipped")
    return ", ".join(f"{sum(one == name for one in found.values())} {name}" for name in names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", nargs="?", default="5.7.0")
    parser.add_argument("-k", dest="expression", default="chord")
    asked = parser.parse_args()
    folder = REPOSITORY / ".venv" / f"celery-{asked.version}"
    folder.mkdir(exist_ok=True)
    source = prepared(asked.version, folder)

    chosen = ["-k", asked.expression]
    redis, donebit = (outcomes(source, backend, chosen) for backend in ("redis", "donebit+redis"))
    lost = sorted(test for test, outcome in redis.items() if outcome == "passed" != donebit[test])
    if lost:
        names = " or ".join(sorted({test.partition("::")[2].partition("[")[0] for test in lost}))
        donebit |= outcomes(source, "donebit+redis", ["-k", names])
        lost = [test for test in lost if donebit[test] != "passed"]
    print(f"Celery {asked.version}, {TESTS} -k {asked.expression}")
    print(f"redis://          {counted(redis)}")
    print(f"donebit+redis://  {counted(donebit)}")
    print(*(f"passed with redis:// alone: {test}" for test in lost), sep="\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
