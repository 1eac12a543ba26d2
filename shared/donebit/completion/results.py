"""Results of steps: written by the report that sets the step's bit, and read a chunk at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar

from donebit.completion import changing
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.json_reading import read_json, refuse_nested
from donebit.store import Store
from donebit.store.results import OWN_FIELD, STEPS_PER_CHUNK, ResultRun

CHUNKS_AT_ONCE = 16
OWN_FIELDS_AT_ONCE = 32  # each up to MAX_STEP_RESULT_BYTES
MAX_PAGE_BYTES = 4 * 1024 * 1024  # a page that has more ends with what was read at once
MAX_REPORT_BYTES = 4 * 1024 * 1024  # of results, in one report: 5 ms of the server

Answer = TypeVar("Answer")
Pair = tuple[int, str]  # a step, and its result as JSON

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class ResultRefused(InvalidInput):
    """A result cannot be kept; the text is one sentence that says why."""


class ResultsFull(InvalidInput):
    """The results of a task would have more bytes than a task may have."""


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Some results as JSON texts, in the order of their steps, and the step to go on from."""

    results: list[Pair]
    next: int | None


def encode(value: object, max_bytes: int, name: str = "result") -> str:
    """A result as JSON.

    Args:
        value: what a step function returned, or what was reported.
        max_bytes: of the JSON.
        name: what it is called in the refusal.

    Raises:
        ResultRefused: it cannot be written as JSON, or is too large.
    """
    if type(value) is int and -(2**63) <= value < 2**63:  # most are, and the encoder takes a microsecond
        return str(value)
    try:
        text = ENCODER.encode(value)
        size = len(text) if text.isascii() else len(text.encode())
        if "{" in text and size <= max_bytes:
            read_json(text)  # of a dict with the keys 1 and "1" one value would be lost
        refuse_nested([value], text)
    except InvalidInput as error:
        raise ResultRefused(f"{name} cannot be written as JSON: {error.detail}", field="result") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultRefused(f"{name} cannot be written as JSON: {error}", field="result") from None
    if size > max_bytes:
        raise ResultRefused(
            f"{name} has {size:,} bytes of JSON; at most {max_bytes:,} are kept (MAX_STEP_RESULT_BYTES)",
            field="result",
        )
    return text


def runs_of(pairs: Iterable[Pair]) -> list[ResultRun]:
    """Put the results of consecutive steps together."""
    runs: list[ResultRun] = []
    values: list[str] = []
    for step, value in sorted(pairs):
        if not runs or step != runs[-1].first + len(values):
            values = []
            runs.append(ResultRun(step, values))
        values.append(value)
    return runs


def runs_of_ranges(ranges: Iterable[tuple[int, int]], values: Iterable[str]) -> list[ResultRun]:
    """Give the steps of half-open ranges their results, which come in the same order."""
    left = iter(values)
    return [ResultRun(start, list(islice(left, stop - start))) for start, stop in ranges]


def check_report(runs: Sequence[ResultRun]) -> None:
    """Check the results of one report together.

    Raises:
        InvalidInput: they are too many bytes for one report.
    """
    size = sum(len(value) for run in runs for value in run.values)
    if size > MAX_REPORT_BYTES:
        raise InvalidInput(
            f"the results of one report have {size:,} bytes; at most {MAX_REPORT_BYTES:,}: send several",
            field="results",
        )


def full(task_id: str, size: int, max_bytes: int) -> ResultsFull:
    """The refusal of a result that a task has no room for."""
    return ResultsFull(
        f"the results of task {task_id} would have {size:,} bytes; at most {max_bytes:,} are kept "
        "(MAX_RESULT_BYTES)",
        field="results",
    )


class Persist(Protocol):
    """Makes a read, again and again if it likes while that raises StoreUnavailable."""

    def __call__(self, read: Callable[[], Answer], /) -> Answer: ...


def ask_once(read: Callable[[], Answer]) -> Answer:
    return read()


def iterate_chunks(
    store: Store, task_id: str, first: int, count: int, persist: Persist = ask_once
) -> Iterator[list[Pair]]:
    """The results of the steps from `first` to `count`, ascending, in lists of some hundred.

    Args:
        persist: makes each read.
    """
    last = -(-count // STEPS_PER_CHUNK)
    for start in range(first // STEPS_PER_CHUNK, last, CHUNKS_AT_ONCE):
        numbers = range(start, min(start + CHUNKS_AT_ONCE, last))
        texts = persist(partial(store.results.chunks, task_id, numbers))
        for number, text in zip(numbers, texts, strict=True):
            pairs = [] if text is None else pairs_of(number, text)
            if pairs and pairs[0][0] < first:
                pairs = [pair for pair in pairs if pair[0] >= first]
            if text is not None and OWN_FIELD in text:
                yield from _with_own_fields(store, task_id, pairs, persist)
            elif pairs:
                yield pairs


def pairs_of(number: int, text: str) -> list[Pair]:
    """The results in a chunk, ascending.

    Args:
        number: of the chunk.
        text: as mark_results.lua writes it. No line of JSON begins with @, and none has a line break.
    """
    pairs: list[Pair] = []
    for run in text[1:].split("\n@"):
        offset, *values = run.split("\n")
        start = number * STEPS_PER_CHUNK + int(offset)
        pairs += zip(range(start, start + len(values)), values, strict=True)
    pairs.sort()
    return pairs


def _with_own_fields(
    store: Store, task_id: str, pairs: list[Pair], persist: Persist = ask_once
) -> Iterator[list[Pair]]:
    """The same results, with those in place that have a field of their own; fewer in a list."""
    for at in range(0, len(pairs), OWN_FIELDS_AT_ONCE):
        part = pairs[at : at + OWN_FIELDS_AT_ONCE]
        steps = [step for step, value in part if value == OWN_FIELD]
        texts = persist(partial(store.results.own_fields, task_id, steps))
        own = dict(zip(steps, texts, strict=True))
        found = ((step, own.get(step, value)) for step, value in part)
        yield [(step, value) for step, value in found if value is not None]


def iterate(store: Store, task: Task, first: int = 0) -> Iterator[Pair]:
    """The results of a task from a step on, ascending."""
    for pairs in iterate_chunks(store, task.id, first, task.count):
        yield from pairs


def list_results(store: Store, task: Task, *, after: int = 0, limit: int) -> ResultsPage:
    """Up to `limit` results, from step `after` on; fewer where they are large."""
    found: list[Pair] = []
    size = 0
    for pairs in iterate_chunks(store, task.id, after, task.count):
        if len(found) + len(pairs) > limit or size > MAX_PAGE_BYTES:
            return _full_page(found, pairs, limit, size)
        found += pairs
        size += sum([len(value) for _, value in pairs])
    return ResultsPage(found, None)


def _full_page(found: list[Pair], pairs: list[Pair], limit: int, size: int) -> ResultsPage:
    """A page with as many of the next results as it has room for."""
    for step, value in pairs:
        if len(found) == limit or size > MAX_PAGE_BYTES:
            return ResultsPage(found, step)
        found.append((step, value))
        size += len(value)
    raise AssertionError("there was room for all of them")


def results_of(store: Store, task: Task, steps: Sequence[int]) -> list[Pair]:
    """The results of these steps, ascending; those without one are left out.

    Raises:
        InvalidInput: the task has no such step.
    """
    if outside := [step for step in steps if step >= task.count]:
        raise changing.no_such_step(task.id, outside[0], task.count)
    wanted = set(steps)
    numbers = sorted({step // STEPS_PER_CHUNK for step in wanted})
    found: list[Pair] = []
    for number, text in zip(numbers, store.results.chunks(task.id, numbers), strict=True):
        pairs = [] if text is None else pairs_of(number, text)
        for part in _with_own_fields(store, task.id, [pair for pair in pairs if pair[0] in wanted]):
            found += part
    return found


def decoded(pairs: Sequence[Pair]) -> list[Any]:
    """The values of some results, read from JSON all at once."""
    values: list[Any] = json.loads(f"[{','.join(value for _, value in pairs)}]")
    return values
