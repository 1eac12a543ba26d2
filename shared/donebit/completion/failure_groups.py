"""Failed steps by their error: of a thousand that fail for one reason people want to see one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from donebit.clock import moment_of_ms
from donebit.completion.task import Task
from donebit.store import Store
from donebit.utf8 import one_line

LONGEST_TEXT = 200  # characters of a group's text
FIRST_RANGES = 10  # that a group is shown with
CHUNK_STEPS = 512 * 1024
ERRORS_AT_ONCE = 1000
OTHERS: Final = "other errors"  # of which a task has too many kinds
NOT_KEPT: Final = "their errors were not kept"
# What differs between failures that have one cause: ids and numbers.
IDS = re.compile(
    r"\b(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|0x[0-9a-fA-F]+|(?=[a-f]*\d)[0-9a-f]{8,})\b"
)
NUMBERS = re.compile(r"\d+(?:[.,:]\d+)*")

Range = tuple[int, int]
Steps = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Example:
    """The last failed attempt of a group whose traceback was kept."""

    step: int
    error: str
    traceback: str


@dataclass(slots=True)
class FailureGroup:
    """The steps that gave up for one reason. Times and attempts are unknown of groups of chords."""

    id: str
    error: str  # without numbers and ids
    steps: int = 0
    ranges: list[Range] = field(default_factory=list)  # the first ones, half open
    attempts: int | None = None  # that failed so, of all steps in this run
    first_at: datetime | None = None
    last_at: datetime | None = None
    example: Example | None = None


def text_of(error: str) -> str:
    """What the errors of one cause have in common: the first line without numbers and ids."""
    first = error.strip().partition("\n")[0]
    return one_line(NUMBERS.sub("<n>", IDS.sub("<id>", first[: 2 * LONGEST_TEXT])))[:LONGEST_TEXT]


def id_of(text: str) -> str:
    """The id of the group with this text: the same in every task."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]


def list_groups(store: Store, task: Task) -> list[FailureGroup]:
    """The groups of the steps that gave up, the largest first."""
    fields = store.failures.group_fields(task.id) if task.failed_steps else {}
    found: dict[str, FailureGroup] = {}
    for text, steps in _by_text(store, task, fields):
        group = found.setdefault(text, FailureGroup(id_of(text), text))
        group.steps += len(steps)
        _extend(group.ranges, ranges_of(steps))
    for number, text in _texts(fields).items():
        if text in found:
            _describe(found[text], number, fields)
    return sorted(found.values(), key=lambda group: (-group.steps, group.error))


def ranges_in(store: Store, task: Task, group_id: str, *, after: int = 0) -> Iterator[Range]:
    """The steps of a group, as half-open ranges, ascending, from step `after` on; none for another id."""
    fields = store.failures.group_fields(task.id) if task.failed_steps else {}
    chosen: list[Range] = []
    for text, steps in _by_text(store, task, fields):
        if id_of(text) == group_id:
            chosen += ranges_of(steps[steps >= after])
    yield from sorted(chosen)


def ranges_of(steps: Steps) -> list[Range]:
    """Ascending steps as half-open ranges."""
    if not len(steps):
        return []
    breaks = np.flatnonzero(np.diff(steps) > 1)
    starts, stops = steps[np.r_[0, breaks + 1]], steps[np.r_[breaks, len(steps) - 1]] + 1
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def _extend(ranges: list[Range], more: list[Range]) -> None:
    for start, stop in islice(more, FIRST_RANGES + 1):
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], stop)
        elif len(ranges) < FIRST_RANGES:
            ranges.append((start, stop))


def _describe(group: FailureGroup, number: int, fields: Mapping[str, str]) -> None:
    """Add what is kept of a group by its number."""
    group.attempts = int(fields[f"{number}:attempts"])
    group.first_at = moment_of_ms(int(fields[f"{number}:first"]))
    group.last_at = moment_of_ms(int(fields[f"{number}:last"]))
    if traceback := fields.get(f"{number}:traceback"):
        error = json.loads(fields[f"{number}:error"])
        group.example = Example(int(fields[f"{number}:step"]), error, traceback)


def _texts(fields: Mapping[str, str]) -> dict[int, str]:
    """The texts of the groups by their numbers, of those with too many kinds too."""
    texts = {int(number): name[1:] for name, number in fields.items() if name.startswith("=")}
    return texts | ({number: OTHERS} if (number := _others(fields)) else {})


def _others(fields: Mapping[str, str]) -> int:
    return 15 if "15:first" in fields else 0


def _by_text(store: Store, task: Task, fields: Mapping[str, str]) -> Iterator[tuple[str, Steps]]:
    """The steps that gave up, with the text of their group; a group may come several times."""
    if not task.failed_steps:
        return
    texts = _texts(fields)
    for first in range(0, task.count, CHUNK_STEPS):
        bits = store.failures.failed_bytes(task.id, first // 8, (first + CHUNK_STEPS) // 8)
        steps = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8)))
        if not len(steps):
            continue
        reasons = store.failures.reason_bytes(task.id, first // 2, (first + CHUNK_STEPS) // 2)
        numbers = _numbers(reasons, steps)
        for number in np.unique(numbers):
            chosen = first + steps[numbers == number]
            if text := texts.get(int(number)):
                yield text, chosen
            else:
                yield from _by_error(store, task, chosen)


def _numbers(reasons: bytes, steps: Steps) -> npt.NDArray[np.uint8]:
    """The group's number of each step, four bits each; 0 where none was written."""
    halves = np.zeros(int(steps[-1]) // 2 + 1, np.uint8)
    known = np.frombuffer(reasons, np.uint8)[: len(halves)]
    halves[: len(known)] = known
    numbers: npt.NDArray[np.uint8] = np.where(steps % 2, halves[steps // 2] & 15, halves[steps // 2] >> 4)
    return numbers


def texts_of_errors(store: Store, task: Task) -> set[str]:
    """The texts of the groups of a task whose errors alone are kept: of a chord, or an earlier version."""
    return {text_of(json.loads(error)) for error in store.failures.kept_errors(task.id)}


def _by_error(store: Store, task: Task, steps: Steps) -> Iterator[tuple[str, Steps]]:
    """Steps of a chord, or that failed under an earlier version: by the errors that were kept."""
    for first in range(0, len(steps), ERRORS_AT_ONCE):
        part = steps[first : first + ERRORS_AT_ONCE]
        errors = store.failures.errors(task.id, [int(step) for step in part])
        texts = np.array([NOT_KEPT if error is None else text_of(json.loads(error)) for error in errors])
        for text in np.unique(texts):
            yield str(text), part[texts == text]
