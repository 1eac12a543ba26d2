"""Modules with jobs, as somebody's project has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WriteModule = Callable[[str, str], Path]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Called with a module's name and its code, after which it can be imported; returns its file."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, code: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        return path

    return write
