"""Items: the input of each step, kept in compressed chunks and read by the slice that needs them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from donebit.completion import changing, lifecycle
from donebit.completion.lifecycle import PackedItems
from donebit.completion.results import ENCODER
from donebit.completion.task import Task
from donebit.errors import Conflict, DonebitError, InvalidInput, NotFound
from donebit.json_reading import refuse_nested
from donebit.names import stored_name
from donebit.store import Store
from donebit.store.answers import ExtendResult, ExtendStatus
from donebit.store.items import ItemChunk

ITEMS_PER_CHUNK = 1024
CHUNK_BYTES = 64 * 1024  # of JSON; a single item may have more
SHOWN_BYTES = 4096  # of an item with a failure
COMPRESSION = 1  # file names shrink to a third, and a megabyte takes 10 ms

CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)


class ItemLimits(NamedTuple):
    """How many steps a task may have, and how many bytes of JSON its items."""

    steps: int
    bytes: int


def pack(items: Sequence[object]) -> PackedItems:
    """Cut items into chunks and compress them.

    Raises:
        InvalidInput: one cannot be written as JSON.
    """
    texts: list[str] = []
    chunks: list[ItemChunk] = []
    digest, size = hashlib.sha256(), 0
    for part in _parts(items, 0):
        text = ENCODER.encode(part)
        data = text.encode()
        texts.append(text)
        chunks.append(ItemChunk(len(part), zlib.compress(data, COMPRESSION)))
        # The same for items that are cut otherwise; and an object is the same in any order of its names.
        digest.update((CANONICAL.encode(part).encode() if "{" in text else data)[1:-1] + b",")
        size += len(data) - 1
    return PackedItems(len(items), texts, chunks, size, digest.hexdigest())


def _parts(items: Sequence[object], first: int) -> Iterator[Sequence[object]]:
    """Items in parts that fit into a chunk."""
    for start in range(0, len(items), ITEMS_PER_CHUNK):
        part = list(items[start : start + ITEMS_PER_CHUNK])
        size = _size(part, first + start)
        if size <= CHUNK_BYTES or len(part) == 1:
            yield part
            continue
        step = max(1, len(part) * CHUNK_BYTES // size)
        for low in range(0, len(part), step):
            yield part[low : low + step]


def _size(part: Sequence[object], first: int) -> int:
    try:
        text = ENCODER.encode(part)
        refuse_nested(part, text)
        return len(text.encode())
    except (TypeError, ValueError, RecursionError):
        for index, item in enumerate(part):
            _check_json(item, first + index)
        raise


def _check_json(item: object, index: int) -> None:
    try:
        text = ENCODER.encode(item)
        text.encode()
        refuse_nested([item], text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"items[{index}] cannot be written as JSON: {error}", field=f"items.{index}"
        ) from None


def check_size(size: int, max_bytes: int) -> None:
    """Check the bytes of all items of a task.

    Raises:
        InvalidInput: there are more than `max_bytes`.
    """
    if size > max_bytes:
        raise too_large(size, max_bytes)


def too_large(size: int, max_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"the items have {size:,} bytes of JSON; at most {max_bytes:,} are kept for a task (MAX_ITEMS_BYTES)",
        field="items",
    )


def append(
    store: Store,
    task_id: str,
    items: PackedItems,
    *,
    limits: ItemLimits,
    expected: int | None,
    only_open: bool,
    reply_key: str | None,
) -> tuple[Task, int]:
    """Give a running task, or one that must be open, more steps, each with an item.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended, is not open, or has another total than expected.
        InvalidInput: its steps have no items, or it would have too many.
    """
    stored_name(task_id, "task_id")
    token = changing.call_token(reply_key, "items", items.digest, expected, only_open)
    answer = store.items.append_items(
        task_id,
        items.chunks,
        size=items.size,
        expected=expected,
        max_steps=limits.steps,
        max_bytes=limits.bytes,
        only_open=only_open,
        token=token,
        reply_key=reply_key,
    )
    answer = changing.known(answer, task_id, reply_key)
    if answer.status is not ExtendStatus.OK:
        raise refusal(task_id, answer, items, limits, expected)
    return lifecycle.get_task(store, task_id).task, answer.steps


def refusal(
    task_id: str, answer: ExtendResult, items: PackedItems, limits: ItemLimits, expected: int | None
) -> DonebitError:
    """The error for a task that no items were added to."""
    steps = answer.steps
    match answer.status:
        case ExtendStatus.STATE | ExtendStatus.FROM:
            return changing.not_extended(task_id, answer, expected)
        case ExtendStatus.CLOSED:
            return Conflict(f"task {task_id} is not open; `extend` adds items that start at once")
        case ExtendStatus.ITEMS:
            why = f"the steps of task {task_id} have no items, so none can be added"
            return InvalidInput(why, field="items")
        case ExtendStatus.BYTES:
            return too_large(steps, limits.bytes)
        case _:
            why = f"{items.count} items are added to {steps} steps; at most {limits.steps} steps are allowed"
            return InvalidInput(why, field="items")


@dataclass(slots=True)
class ItemReader:
    """Reads the items of a task's steps, a chunk at a time; steps in ascending order read each chunk once."""

    store: Store
    task: Task
    first: int = 0
    values: Sequence[Any] = ()

    def chunk_of(self, step: int) -> tuple[int, str]:
        """The chunk that a step's item is in: its first step, and its items as a JSON list.

        Raises:
            NotFound: the task has no items, or is gone.
        """
        found = self.store.items.chunk(self.task.id, step)
        if found is None or found[0] != self.task.nonce:
            raise no_items(self.task.id)
        return found[1], zlib.decompress(found[2]).decode()

    def item(self, step: int) -> Any:
        """The item of a step.

        Raises:
            NotFound: the task has no items, or is gone.
        """
        if not self.first <= step < self.first + len(self.values):
            self.first, text = self.chunk_of(step)
            self.values = json.loads(text)
        return self.values[step - self.first]


def read_all(store: Store, task: Task) -> PackedItems:
    """The items of all steps of a task, for another one.

    Raises:
        NotFound: the task has no items, or is gone.
    """
    reader, values = ItemReader(store, task), list[Any]()
    while len(values) < task.count:
        values += json.loads(reader.chunk_of(len(values))[1])
    return pack(values)


def no_items(task_id: str) -> NotFound:
    return NotFound(f"task {task_id} has no items, or is gone", field="task_id")


def item_of(store: Store, task: Task, step: int) -> Any:
    """The item of a step.

    Raises:
        InvalidInput: the task has no such step.
        NotFound: it has no items.
    """
    if not 0 <= step < task.count:
        raise changing.no_such_step(task.id, step, task.count)
    if task.spec.items is None:
        raise no_items(task.id)
    return ItemReader(store, task).item(step)


def shown_items(store: Store, task: Task, steps: Sequence[int]) -> Mapping[int, Any]:
    """The items of some steps, ascending, to be shown with them: None for a large one."""
    if task.spec.items is None:
        return {}
    reader = ItemReader(store, task)
    found = ((step, reader.item(step)) for step in steps)
    return {step: item if len(ENCODER.encode(item)) <= SHOWN_BYTES else None for step, item in found}
