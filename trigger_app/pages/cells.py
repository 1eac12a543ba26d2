"""The cells of a task's bitmap as messages: its shape, and every part that has anything set.

Whole parts rather than single changes: a listener holds only the newest version of each part, so a slow or
returning one still gets the current state, and a part sent twice does no harm.
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


def changed_cells(store: Store, snapshot: TaskSnapshot, before: Table) -> Table:
    """Return the shape and the parts that are not all zeros, or those of `before` if nothing has changed."""
    shape = shape_of(snapshot)
    if before.get("shape") == shape:
        return {name: message for name, message in before.items() if "plane" in message or name == "shape"}
    if shape["full"]:
        return {"shape": shape}
    task = snapshot.task
    found = {"shape": shape, **parts("done", bitmap.done_bits(store, task), task, before)}
    if task.failed_steps or any(name.startswith("failed:") for name in before):
        found |= parts("failed", bitmap.failed_bits(store, task), task, before)
    return found


def shape_of(snapshot: TaskSnapshot) -> Message:
    """Return how many cells there are and a digest of them: while it is equal, so are the cells."""
    task = snapshot.task
    return {
        "shape": epoch(task),
        "count": task.count,
        "steps": bitmap.steps_per_shade(task.count),
        "full": task.state is State.DONE,
        "set_bits": snapshot.reading.set_bits,
        "failed": task.failed_steps,
    }


def epoch(task: Task) -> str:
    """Name the generation of the cells; under another name everything known of them is void."""
    made = clock.ms_since_epoch(task.created_at)
    return f"{made}.{task.run}.{bitmap.steps_per_shade(task.count)}"


def parts(plane: str, bits: bytes, task: Task, before: Table) -> Table:
    """Cut one bitmap into messages.

    Args:
        plane: `done` or `failed`
        before: the last messages; a part of zeros is left out unless it is among them
    """
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
