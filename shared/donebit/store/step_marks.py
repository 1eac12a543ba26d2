"""How mark_steps.lua is called, and what its answer says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from donebit.store.answers import MarkStepsResult
from donebit.store.key_names import Keys

ScriptCall = tuple[list[str], list[str | int]]  # the keys and the arguments of a script


class StepMark(NamedTuple):
    """A report of steps, as `mark_steps` takes it."""

    task_id: str
    steps: Sequence[int]
    ranges: Sequence[tuple[int, int]]
    now_ms: int
    token: str
    nonce: str = ""
    reply_key: str | None = None


def mark_steps_call(keys: Keys, mark: StepMark) -> ScriptCall:
    """The keys and arguments of mark_steps."""
    task_id, steps, ranges, now_ms, token, nonce, reply_key = mark
    names = [keys.bitmap(task_id), keys.record(task_id)]
    if reply_key is not None:
        names += [*of_failures(keys, task_id), keys.reply(task_id, reply_key)]
    elif len(steps) == 1 and steps[0] < 0:
        names += of_failures(keys, task_id)  # so that the script looks at what the step is
    ends = [end for pair in ranges for end in pair]
    return names, [now_ms, token, nonce, len(steps), *steps, *ends]


def of_failures(keys: Keys, task_id: str) -> list[str]:
    """The keys that mark_steps is given besides for a task with steps that gave up."""
    return [keys.failed(task_id), keys.failed_scratch(task_id)]


def wants_keys(answer: object) -> bool:
    """Whether mark_steps has to be called again, with the keys of the steps that gave up."""
    return answer == [b"keys"]


def mark_steps_result(answer: object) -> MarkStepsResult:
    if isinstance(answer, bytes):
        return MarkStepsResult.of_one_step(answer)
    return MarkStepsResult.of(*cast(list[Any], answer))
