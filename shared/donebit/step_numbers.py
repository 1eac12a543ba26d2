"""The numbers of steps as the client takes them, and as the services do."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import cast

from donebit.errors import InvalidInput

LONGEST_QUOTE = 120  # characters of a value in a message


def ranges_of(steps: Iterable[int]) -> list[tuple[int, int]]:
    """Return steps as ascending half-open ranges: 3, 1, 2, 7 are (1, 4) and (7, 8).

    Raises:
        InvalidInput: A step is negative or not an integer, or they are a mapping, a text or bytes.
    """
    if isinstance(steps, range) and steps.step == 1 and steps.start >= 0:
        return [(steps.start, steps.stop)] if steps else []  # a million steps without a list of them
    # The keys of a mapping and the bytes of a text are integers too, and not meant as steps.
    if isinstance(steps, Mapping | str | bytes | bytearray) or not isinstance(steps, Iterable):
        raise InvalidInput(
            f"steps is {quoted(steps)}; it must be integers, in a list or another iterable", field="steps"
        )
    ranges: list[tuple[int, int]] = []
    for step in sorted({natural(step, "step") for step in steps}):
        if ranges and ranges[-1][1] == step:
            ranges[-1] = (ranges[-1][0], step + 1)
        else:
            ranges.append((step, step + 1))
    return ranges


def quoted(value: object) -> str:
    """A value as a message shows it, which may be cut off."""
    return repr(value)[:LONGEST_QUOTE]


def natural(value: object, name: str) -> int:
    """Return an integer of any kind, numpy's too, as an int."""
    try:
        number = None if isinstance(value, bool) else operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or number < 0:
        raise InvalidInput(f"{name} is {value!r}; it must be an integer from 0", field=name)
    return number


def step_range(text: str) -> tuple[int, int]:
    """Parse a step, or a range that includes its end, as a half-open range: `7-9` is (7, 10).

    Raises:
        ValueError: it is neither.
    """
    first, dash, last = text.strip().partition("-")
    start, stop = (_step(part) for part in (first, last if dash else first))
    if start > stop:
        raise ValueError(f"{text!r} runs backwards")
    return start, stop + 1


def _step(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise ValueError(f"{digits!r} is no step")
    return int(digits)
