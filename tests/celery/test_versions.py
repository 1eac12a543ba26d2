"""A Celery application whose packages are older than its backend needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from donebit.celery.versions import OLDEST


@pytest.mark.parametrize(("package", "old"), [("celery", "5.5.3"), ("redis", "6.3.0rc1")])
def test_packages_that_are_too_old_are_named_when_the_backend_is_made(
    tmp_path: Path, package: str, old: str
) -> None:
    metadata = tmp_path / f"{package}-{old}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {old}\n")
    make = "from celery import Celery; Celery('proj', backend='donebit+redis://127.0.0.1').backend"

    made = subprocess.run(
        [sys.executable, "-c", make],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )

    wanted = ".".join(map(str, OLDEST[package]))
    assert made.stderr.splitlines()[-1] == (
        f"donebit.errors.ConfigurationError: donebit.celery needs {package} {wanted} or newer, "
        f"and {old} is installed: pip install 'donebit[celery]'"
    )


def test_the_extra_brings_what_the_backend_needs() -> None:
    of_extra = [one for one in requires("donebit") or () if re.search(r"extra == .celery.", one)]

    for package, oldest in OLDEST.items():
        (bounds,) = [one for one in of_extra if one.startswith(f"{package}[")]
        assert f">={'.'.join(map(str, oldest))}" in bounds
