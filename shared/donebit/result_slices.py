"""Results that the client reports, cut into requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from donebit.errors import InvalidInput
from donebit.request_room import Room
from donebit.step_numbers import natural, quoted

RESULTS_PER_REPORT = 10_000
BYTES_PER_REPORT = 1024 * 1024  # of results as JSON; one may be larger

Slice = list[dict[str, object]]  # of {"step", "result"}


def slices_of(results: Mapping[int, object]) -> list[Slice]:
    """Cut results into slices, each for one request, in the order of the steps.

    Raises:
        InvalidInput: A step is negative or not an integer, a result is no JSON, or they are no mapping.
    """
    if not isinstance(results, Mapping):  # a list of integers would be read as steps and as results at once
        raise InvalidInput(
            f"results is {quoted(results)}; it must be a mapping of each step to its result", field="results"
        )
    steps = sorted(natural(step, "step") for step in results)
    return list(_slices([(step, results[step]) for step in steps]))


def _slices(pairs: list[tuple[int, object]]) -> Iterator[Slice]:
    part: Slice = []
    room = Room(BYTES_PER_REPORT, RESULTS_PER_REPORT)
    for step, value in pairs:
        if not room.take(_written(step, value)):
            yield part
            part = []
        part.append({"step": step, "result": value})
    if part:
        yield part


def _written(step: int, value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the result of step {step} cannot be written as JSON: {error}") from error
