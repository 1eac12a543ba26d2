"""The cells of a task's bitmap, as messages: its shape, and every part of it that has anything set.

Whole parts rather than single changes: of each part a listener holds the newest only, so one that is slow
or comes back is told how all stands, and a part told twice does no harm.
"""

from __future__ import annotations

import base64

from donebit import clock
from donebit.completion import bitmap
from donebit.completion.state import State
from donebit.completion.task import Task, TaskSnapshot
from donebit.store import Store
from donebit.web.listener import Message, Table

PART_BYTES = 1024  # 8192 steps, or 1024 shades: few workers touch few parts between two looks


def changed_cells(store: Store, sight: TaskSnapshot, before: Table) -> Table:
    """The shape, and the parts that are not all zeros; as they were before if nothing has moved since."""
    shape = shape_of(sight)
    if before.get("shape") == shape:
        return {name: told for name, told in before.items() if "plane" in told or name == "shape"}
    if shape["full"]:
        return {"shape": shape}
    task = sight.task
    found = {"shape": shape, **parts("done", bitmap.done_bits(store, task), task, before)}
    if task.failed_steps or any(name.startswith("failed:") for name in before):
        found |= parts("failed", bitmap.failed_bits(store, task), task, before)
    return found


def shape_of(sight: TaskSnapshot) -> Message:
    """How many cells there are, and what is known of them: while it is the same, so are they."""
    task = sight.task
    return {
        "shape": epoch(task),
        "count": task.count,
        "steps": bitmap.steps_per_shade(task.count),
        "full": task.state is State.DONE,
        "set_bits": sight.reading.set_bits,
        "failed": task.failed_steps,
    }


def epoch(task: Task) -> str:
    """Names the cells: another under which everything known of them is void."""
    made = clock.ms_since_epoch(task.created_at)
    return f"{made}.{task.run}.{bitmap.steps_per_shade(task.count)}"


def parts(plane: str, bits: bytes, task: Task, before: Table) -> Table:
    """The parts of one bitmap; those of zeros only where they were something before."""
    steps = bitmap.steps_per_shade(task.count)
    shown = bits if steps == 1 else bitmap.shades(bits, task.count, steps)
    found: dict[str, Message] = {}
    for first in range(0, len(shown), PART_BYTES):
        part, name = shown[first : first + PART_BYTES], f"{plane}:{first}"
        if name in before or any(part):
            found[name] = {
                "plane": plane,
                "of": epoch(task),
                "at": first,
                "bytes": base64.b64encode(part).decode(),
            }
    return found
