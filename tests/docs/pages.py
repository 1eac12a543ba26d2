"""The Python files that a page shows, as modules that can be imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.docs.examples import files


def write_files(document: Path, folder: Path) -> list[Path]:
    """The page's files, as its reader would copy them."""
    written = [folder / name for name in files(document)]
    for file in written:
        file.write_text(files(document)[file.name])
    return written


@contextmanager
def imported(file: Path) -> Iterator[ModuleType]:
    """The module of a file, while it is needed: other tests import others of its name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[file.stem]
