"""What is logged, and what of it is on the pipe."""

from __future__ import annotations

import logging

from done_app.worker.monitor.pipe import LINE, Pipe


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, text, args, None)


def fill(pipe: Pipe) -> None:
    while pipe.put(LINE, b"x" * 1000):
        pass


def lines_of(pipe: Pipe) -> list[bytes]:
    return [message[1:] for message in pipe.take() if message.startswith(LINE)]
