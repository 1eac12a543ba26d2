"""Log lines as plain text, or as one JSON object per line."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from donebit.config import Settings
from donebit.utf8 import one_line, shortened

current_task: ContextVar[str] = ContextVar("about_task", default="")
_at_step: ContextVar[Sequence[Sequence[int]]] = ContextVar("about_step", default=())
MAX_TRACEBACK_LENGTH = 20_000  # some hundred frames, and what the exception says
QUIET_LOGGERS = ("celery", "kombu", "redis", "urllib3", "werkzeug", "_granian", "granian", "amqp")
OWN_LOGGERS = ("donebit", "done_app", "trigger_app", "distinct_app")
_kept_loggers = [logging.getLogger(name) for name in (*OWN_LOGGERS, *QUIET_LOGGERS)]
handlers: list[logging.Handler] = []  # of Donebit


@contextmanager
def task_context(task_id: str) -> Iterator[None]:
    """Mark everything that is logged inside the block as being about this task."""
    token = current_task.set(task_id)
    try:
        yield
    finally:
        current_task.reset(token)


@contextmanager
def step_context(at: Sequence[int]) -> Iterator[None]:
    """Mark everything that is logged inside the block as being about a step of the task.

    Whatever the step does to the logging, the lines after it are written.

    Args:
        at: its first item is the step, and may be changed inside the block; empty for none.
    """
    about = [at]
    token = _at_step.set(about)
    try:
        yield
    finally:
        _at_step.reset(token)
        about.clear()  # for a thread that runs in a copy of this context, and longer
        restore()


def current_step() -> int | None:
    """The step that what is logged now is about."""
    at = next(iter(_at_step.get()), ())
    return at[0] if at else None


def inform(log: logging.Logger, text: str, step: int | None) -> None:
    """Log a line of information about a step, or None, as each step that is done has one.

    It takes half the time of `log.info`, which also looks for the line of code that it is called in.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    token = _at_step.set([] if step is None else [[step]])
    try:
        log.handle(log.makeRecord(log.name, logging.INFO, "", 0, text, (), None))
    finally:
        _at_step.reset(token)


class Formatter(logging.Formatter):
    """The message, and a traceback where there is one: without its middle if it is long, or unprintable."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record) if record.exc_info or record.stack_info else record.getMessage()

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        try:
            return shortened(super().formatException(ei), MAX_TRACEBACK_LENGTH)
        except Exception:  # an exception's class may be written in any way
            return "whose traceback cannot be printed"


class PlainFormatter(Formatter):
    """The message alone, with the level before it from WARNING on; the demo adds the process's name.

    An event is one line, its traceback included: a text from outside, such as a path with an encoded newline,
    must not look like an event of its own.

    Args:
        coloured: whether warnings are yellow and errors red, for a terminal.
    """

    def __init__(self, *, coloured: bool = False) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        line = one_line(super().format(record))
        if record.levelno < logging.WARNING:
            return line
        line = f"{record.levelname}: {line}"
        return coloured(line, record.levelno) if self._coloured else line


def coloured(line: str, level: int) -> str:
    """A line as a terminal shows it: a warning in yellow, an error in red."""
    return f"\x1b[{31 if level >= logging.ERROR else 33}m{line}\x1b[0m"


class JsonFormatter(Formatter):
    """One JSON object per line: time, level, logger, message, and what else there is.

    That is a task id, a step, a traceback, and a stack that was asked for.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if task_id := current_task.get():
            line["task_id"] = task_id
        if (step := current_step()) is not None:
            line["step"] = step
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line).replace("\x7f", "\\u007f")  # the one control character that JSON leaves


def set_up(settings: Settings) -> None:
    """Send log lines to standard output, in the format of LOG_FORMAT, from the level of LOG_LEVEL on."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a step's error may hold characters that cannot be encoded
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    colours = sys.stdout.isatty() and not settings.no_color
    handler.setFormatter(
        JsonFormatter() if settings.log_format == "json" else PlainFormatter(coloured=colours)
    )
    root = logging.getLogger()
    root.handlers[:] = handlers[:] = [handler]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    for logger in (root, *map(logging.getLogger, OWN_LOGGERS)):  # each, as a job may set the root's
        logger.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    restore()


def add_handler(handler: logging.Handler) -> None:
    """Have a handler take each line too."""
    handlers.append(handler)
    logging.getLogger().addHandler(handler)


def restore() -> None:
    """Have Donebit's lines written as before, whatever the code of a job has done to the logging.

    To configure it, as `alembic` does, disables every logger that is there, unless one says otherwise. What
    the code has added stays.
    """
    root = logging.getLogger()
    for handler in handlers:
        if handler not in root.handlers:
            root.addHandler(handler)
    if root.manager.disable:
        logging.disable(logging.NOTSET)
    if any(logger.disabled for logger in _kept_loggers):
        _enable_loggers(root.manager.loggerDict)


def _enable_loggers(loggers: Mapping[str, object]) -> None:
    for name, logger in list(loggers.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in OWN_LOGGERS + QUIET_LOGGERS:
            logger.disabled = False
