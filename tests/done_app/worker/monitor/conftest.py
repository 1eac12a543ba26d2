"""A worker's pipe, and what a process says into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from done_app.worker.monitor.emitter import Emitter, LineHandler
from done_app.worker.monitor.pipe import Pipe
from tests.workers.arranged import WORKER


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def handler(pipe: Pipe) -> LineHandler:
    return LineHandler(pipe, WORKER)


@pytest.fixture
def voice(pipe: Pipe) -> Emitter:
    voice = Emitter()
    voice.pipe = pipe
    return voice
