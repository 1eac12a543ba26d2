"""The items of a task's steps, as the types that the job's function takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from done_app.worker.steps.retry import read_until_answered
from donebit.completion.items import ItemReader
from donebit.jobs.item_type import ItemType


@dataclass(slots=True)
class TypedItems:
    """Reads and converts the items of a task, a chunk at a time."""

    reader: ItemReader
    kind: ItemType
    first: int = 0
    values: Sequence[Any] = ()
    unfit: Sequence[Any] = ()  # the chunk as it is stored, when one of its items does not fit

    def item(self, step: int) -> Any:
        """The item of a step.

        Raises:
            NotFound: the task is gone.
            InvalidInput: it does not fit this worker's job, which was another when the task was started.
        """
        self.load(step)
        if self.unfit:
            (found,) = self.kind.convert(json.dumps([self.unfit[step - self.first]]), step)
            return found
        return self.values[step - self.first]

    def load(self, step: int) -> None:
        """Read the chunk of a step's item, unless it is the one read last; that outlasts an outage.

        Raises:
            NotFound: the task is gone.
        """
        if self.first <= step < self.first + max(len(self.values), len(self.unfit)):
            return
        first, text = read_until_answered(partial(self.reader.chunk_of, step))
        try:
            values, unfit = self.kind.convert(text), list[Any]()
        except Exception:  # a type's own validator may raise anything; each step is then told of its own item
            values, unfit = [], json.loads(text)
        self.first, self.values, self.unfit = first, values, unfit
