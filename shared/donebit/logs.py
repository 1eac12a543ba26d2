"""Log lines for people who watch, or one JSON object a line for machines."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from donebit.config import Settings

about_task: ContextVar[str] = ContextVar("about_task", default="")
QUIET = ("celery", "kombu", "redis", "urllib3", "werkzeug", "_granian", "granian", "amqp")


@contextmanager
def task_context(task_id: str) -> Iterator[None]:
    """What is logged meanwhile, by whomever, is about this task."""
    token = about_task.set(task_id)
    try:
        yield
    finally:
        about_task.reset(token)


class PlainFormatter(logging.Formatter):
    """The message alone: the process name and the time are the terminal's business. Trouble says so."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.levelno < logging.WARNING else f"{record.levelname}: {line}"


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message; the task and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if task_id := about_task.get():
            line["task_id"] = task_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up(settings: Settings) -> None:
    """Send every log line to standard output in the format that was asked for."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a step's error may hold what it could not write
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
