"""A file of items, each of which is the input of one step, and the task that is started with them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from typing import IO, Any

from donebit import calls
from donebit.calls import Wanted
from donebit.command_line.exit_codes import UsageError
from donebit.command_line.session import Session
from donebit.errors import InvalidInput
from donebit.json_reading import read_json
from donebit.transport import TRIGGER_APP, ServiceRequest
from donebit.wording import quoted


def start_with_items(
    session: Session, file: IO[bytes], body: Mapping[str, Any], *, as_texts: bool
) -> dict[str, Any]:
    """Start a task with a step for each line of a file.

    Args:
        body: The body of `POST /tasks`, without items.
        as_texts: Whether a line is a text, or else a JSON value.

    Returns:
        The answer of `POST /tasks`, with the number of steps as it came to be.

    Raises:
        UsageError: A line is no JSON or no UTF-8, or there is no job. A task that took items is cancelled.
        RequestRefused: The task that has this id was given its items by another call.
    """
    if "job" not in body:
        raise UsageError("--items and --lines need --job: a worker gives each item to the job's function")
    started: dict[str, Any] = {}
    counted = _Counted(_texts(file) if as_texts else _values(file))

    def ask(wanted: Wanted) -> Any:
        answer = session.ask(wanted)
        if isinstance(wanted, ServiceRequest) and wanted.service == TRIGGER_APP:
            started.update(answer)
        return answer

    more = {name: value for name, value in body.items() if name not in ("job", "params", "task_id")}
    call = calls.start_for_items(body["job"], counted, body.get("params"), body.get("task_id"), more)
    session.run(call, ask)
    return started | {"count": counted.number}


class _Counted:
    """Items, and how many were taken."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items, self.number = items, 0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.number += 1
            yield item


def _without_mark(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file, without the byte order mark that some programs begin one with."""
    for first in file:
        if line := first.removeprefix(codecs.BOM_UTF8):
            yield line
        yield from file


def _texts(file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(_without_mark(file), 1):
        try:
            yield line.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            bad = line[error.start : error.end].hex(" ")
            raise UsageError(f"line {number} is not UTF-8: it has the bytes {bad}") from None


def _values(file: IO[bytes]) -> Iterator[Any]:
    for number, line in enumerate(_texts(file), 1):
        try:
            yield read_json(line)
        except InvalidInput as error:
            raise UsageError(f"line {number}: {error.detail}") from None
        except ValueError:
            raise UsageError(
                f"line {number} is {quoted(line)}; it must be a JSON value (--lines takes lines as texts)"
            ) from None
