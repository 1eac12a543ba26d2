"""Log lines as plain text, or as one JSON object per line."""

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
from donebit.utf8 import one_line

current_task: ContextVar[str] = ContextVar("about_task", default="")
QUIET_LOGGERS = ("celery", "kombu", "redis", "urllib3", "werkzeug", "_granian", "granian", "amqp")


@contextmanager
def task_context(task_id: str) -> Iterator[None]:
    """Mark everything that is logged inside the block as being about this task."""
    token = current_task.set(task_id)
    try:
        yield
    finally:
        current_task.reset(token)


class PlainFormatter(logging.Formatter):
    """The message alone, with the level before it from WARNING on; the demo adds the process's name.

    An event is one line, its traceback included: a text from outside, such as a path with an encoded newline,
    must not look like an event of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = one_line(super().format(record))
        return line if record.levelno < logging.WARNING else f"{record.levelname}: {line}"


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and task id and traceback if there are any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if task_id := current_task.get():
            line["task_id"] = task_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line).replace("\x7f", "\\u007f")  # the one control character that JSON leaves


def set_up(settings: Settings) -> None:
    """Send every log line to standard output, in the format that LOG_FORMAT sets."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a step's error may hold characters that cannot be encoded
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
