"""A clone in a folder of a test's own: install.py as it is, and locks that name packages made here."""

from __future__ import annotations

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.started import REPOSITORY, Started

INSTALL = Path("shared/donebit/demo/install.py")
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or ""


# Builds an editable install by itself, in place of hatchling, which a test's locks do not name.
PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "donebit"
version = "1.0"
[project.scripts]
donebit = "donebit.command_line.main:main"
"""
BACKEND = """import pathlib, zipfile

def build_editable(folder, settings=None, metadata=None):
    name, about = "donebit-1.0-py3-none-any.whl", "donebit-1.0.dist-info"
    files = {
        "donebit.pth": str(pathlib.Path("shared").resolve()),
        f"{about}/METADATA": "Metadata-Version: 2.1\\nName: donebit\\nVersion: 1.0\\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{about}/entry_points.txt": "[console_scripts]\\ndonebit = donebit.command_line.main:main\\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{file},,\\n" for file in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return name
"""


class Checkout:
    """A folder with install.py and locks, as a clone has them."""

    def __init__(self, folder: Path, start: Callable[..., Started]) -> None:
        self.folder = folder
        self._start = start
        (folder / INSTALL).parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / INSTALL, folder / INSTALL)
        (folder / "locks").mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "backend.py").write_text(BACKEND)
        self.programs = folder / "bin"  # all of the PATH
        self.programs.mkdir()

    def lock(self, level: str, *wheels: Path) -> None:
        lines = [
            f"{wheel.name.split('-')[0]} @ {wheel.as_uri()} --hash=sha256:{_digest(wheel)}"
            for wheel in wheels
        ]
        (self.folder / "locks" / f"{level}.txt").write_text("\n".join(lines) + "\n")

    def start(self, level: str = "demo") -> Started:
        return self._start(sys.executable, str(INSTALL), level, PATH=f"{self.programs}:/usr/bin:/bin")

    def install(self, level: str = "demo", exit_code: int = 0) -> str:
        """What it says, on a run to its end."""
        installer = self.start(level)
        assert installer.exit_code(90) == exit_code, installer.out + installer.err
        return installer.out + installer.err

    def value_of(self, module: str) -> str:
        """What an installed module holds."""
        program = self._start(
            str(self.folder / ".venv/bin/python"), "-c", f"import {module}; print({module}.value)"
        )
        program.exit_code()
        return program.out.strip()

    def put_uv(self, script: str) -> None:
        uv = self.programs / "uv"
        uv.write_text(f"#!/bin/sh\n{script}\n")
        uv.chmod(0o755)


def wheel(folder: Path, name: str, version: str) -> Path:
    """A package of one module, whose value is its version."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"value = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{about}/RECORD"))
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (files | {f"{about}/RECORD": record}).items():
            archive.writestr(file, text)
    return path


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
