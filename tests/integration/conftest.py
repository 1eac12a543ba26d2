"""What tests of the whole stack share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line.command import Donebit
from tests.stack import Stack


@pytest.fixture
def donebit(stack: Stack, tmp_path: Path) -> Iterator[Donebit]:
    ports = {name.removesuffix("_PORT").lower(): port for name, port in stack.ports.items()}
    made = Donebit(ports, tmp_path)
    yield made
    made.end()
