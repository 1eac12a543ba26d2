"""Log lines for people, and for machines."""

from __future__ import annotations

import contextvars
import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from donebit import logs
from donebit.config import Settings
from donebit.logs import JsonFormatter, PlainFormatter
from tests.done_app.worker.steps.test_runner import Nameless


def record(level: int, text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("done_app.worker.celery_tasks", level, __file__, 1, text, arguments, None)


def failed() -> logging.LogRecord:
    try:
        raise ValueError("bad step")
    except ValueError:
        return logging.LogRecord("x", logging.ERROR, __file__, 1, "it raised", (), sys.exc_info())


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()])
def test_a_line_is_written_whose_traceback_cannot_be(formatter: logging.Formatter) -> None:
    error = Nameless()
    written = logging.LogRecord("x", logging.ERROR, __file__, 1, "it raised", (), (type(error), error, None))

    line = formatter.format(written)

    assert "it raised" in line
    assert "whose traceback cannot be printed" in line


def test_a_line_shows_the_stack_that_it_was_asked_to() -> None:
    asked = record(logging.INFO, "here")
    asked.stack_info = "Stack (most recent call last): at fetch"

    assert PlainFormatter().format(asked) == r"here\nStack (most recent call last): at fetch"
    assert json.loads(JsonFormatter().format(asked))["stack"] == asked.stack_info


def enable_loggers() -> None:
    """Enable every logger that there is."""
    for logger in logging.getLogger().manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was again afterwards."""
    root = logging.getLogger()
    handlers, level, kept = root.handlers[:], root.level, logs.handlers[:]
    yield root
    root.handlers[:], logs.handlers[:] = handlers, kept
    root.setLevel(level)
    for name in logs.OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    enable_loggers()


def test_a_line_for_people_is_the_message_alone() -> None:
    assert PlainFormatter().format(record(logging.INFO, "step %d is done", 3)) == "step 3 is done"


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_trouble_says_that_it_is(level: int) -> None:
    line = PlainFormatter().format(record(level, "Redis is away"))

    assert line == f"{logging.getLevelName(level)}: Redis is away"


FORGED = "GET /events/a\r\nWARNING: forged\x1b[2J\x9b1A\x7f\u2028\u202e\ud800"
SHOWN = r"GET /events/a\r\nWARNING: forged\x1b[2J\x9b1A\x7f\u2028\u202e\ud800"


def test_control_characters_of_a_line_for_people_are_shown() -> None:
    assert PlainFormatter().format(record(logging.INFO, "%s", FORGED)) == SHOWN


def test_a_traceback_stays_on_its_line_for_people() -> None:
    line = PlainFormatter().format(failed())

    assert line.startswith("ERROR: it raised\\nTraceback (most recent call last):\\n")
    assert line.endswith("ValueError: bad step")
    assert "\n" not in line


def test_control_characters_of_a_line_for_machines_are_escaped() -> None:
    line = JsonFormatter().format(record(logging.INFO, "%s", FORGED))

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == FORGED


def test_a_line_for_machines_is_one_object() -> None:
    line = json.loads(JsonFormatter().format(record(logging.WARNING, "task %s", "9f2c")))

    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {"level": "warning", "logger": "done_app.worker.celery_tasks", "message": "task 9f2c"}


def test_a_traceback_stays_on_its_line_for_machines() -> None:
    text = JsonFormatter().format(failed())

    assert "\n" not in text
    assert "ValueError: bad step" in json.loads(text)["traceback"]


def test_a_line_for_machines_names_the_task_that_it_is_about() -> None:
    with logs.task_context("9f2c"):
        inside = json.loads(JsonFormatter().format(record(logging.INFO, "halfway")))

    outside = json.loads(JsonFormatter().format(record(logging.INFO, "halfway")))

    assert inside["task_id"] == "9f2c"
    assert "task_id" not in outside


def test_a_line_for_machines_names_the_step_that_it_is_about() -> None:
    position = [0]
    with logs.step_context(position):
        first = json.loads(JsonFormatter().format(record(logging.INFO, "halfway")))
        position[0] = 7
        later = json.loads(JsonFormatter().format(record(logging.INFO, "halfway")))

    outside = json.loads(JsonFormatter().format(record(logging.INFO, "halfway")))

    assert (first["step"], later["step"]) == (0, 7)
    assert "step" not in outside


@pytest.mark.parametrize("step", [0, 3, None])
def test_information_about_a_step_is_as_log_info_writes_it(root: logging.Logger, step: int | None) -> None:
    written = list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: written.append(JsonFormatter().format(record))  # type: ignore[method-assign]  # a handler of one line
    root.handlers[:] = [handler]
    log = logging.getLogger("donebit.a")

    for level in (logging.INFO, logging.WARNING):
        root.setLevel(level)
        logs.inform(log, "100% done", step)
        with logs.step_context([] if step is None else [step]):
            log.info("%s", "100% done")

    informed, logged = map(json.loads, written)
    assert informed.pop("time") <= logged.pop("time")
    assert informed == logged
    assert logs.current_step() is None


def test_a_thread_that_outlives_the_step_that_started_it_is_at_none() -> None:
    with logs.step_context([3]):
        copied = contextvars.copy_context()
        during = copied.run(logs.current_step)

    with logs.step_context([4]):
        after = copied.run(logs.current_step)

    assert (during, after) == (3, None)


@pytest.mark.parametrize(("log_format", "line"), [("text", "hello\n"), ("json", '"message": "hello"}\n')])
def test_lines_go_to_standard_output_in_the_format_asked_for(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str, line: str
) -> None:
    logs.set_up(Settings.model_validate({"log_format": log_format}))

    root.info("hello")
    logging.getLogger("celery.worker").info("not interesting")

    out, err = capsys.readouterr()
    assert out.endswith(line)
    assert out.count("\n") == 1
    assert err == ""


def test_at_a_terminal_warnings_are_yellow_and_errors_red() -> None:
    formatter = PlainFormatter(coloured=True)

    assert formatter.format(record(logging.INFO, "fine")) == "fine"
    assert formatter.format(record(logging.WARNING, "away")) == "\x1b[33mWARNING: away\x1b[0m"
    assert formatter.format(record(logging.ERROR, "gone")) == "\x1b[31mERROR: gone\x1b[0m"


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", "debug info WARNING: warning ERROR: error"),
        ("info", "info WARNING: warning ERROR: error"),
        ("error", "ERROR: error"),
    ],
)
@pytest.mark.usefixtures("root")
def test_lines_below_the_level_are_not_written(
    capsys: pytest.CaptureFixture[str], level: str, seen: str
) -> None:
    logs.set_up(Settings.model_validate({"log_level": level}))

    for name in ("debug", "info", "warning", "error"):
        logging.getLogger("donebit").log(logging.getLevelNamesMapping()[name.upper()], name)

    assert capsys.readouterr().out.split() == seen.split()


# What code of others does to the logging of its process; the first is what `alembic` and many others do.
CONFIGURED: dict[str, Callable[[], object]] = {
    "every logger is disabled": lambda: logging.config.dictConfig({"version": 1}),
    "the root has no handler": lambda: logging.config.dictConfig({"version": 1, "root": {"handlers": []}}),
    "the root has another level": lambda: logging.getLogger().setLevel(logging.CRITICAL),
    "the root begins anew": lambda: logging.basicConfig(force=True, handlers=[logging.NullHandler()]),
    "nothing is logged": lambda: logging.disable(logging.CRITICAL),
}


@pytest.mark.parametrize("configure", CONFIGURED.values(), ids=CONFIGURED)
def test_what_a_step_does_to_the_logging_silences_no_line_after_it(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], configure: Callable[[], object]
) -> None:
    logs.set_up(Settings())
    second = list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: second.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logs.add_handler(handler)
    mine, log = logging.NullHandler(), logging.getLogger("done_app.worker.steps")

    with logs.step_context([0]):
        configure()
        root.addHandler(mine)
    log.info("step 0 is done")

    assert capsys.readouterr().out == "step 0 is done\n"
    assert second == ["step 0 is done"]
    assert mine in root.handlers
