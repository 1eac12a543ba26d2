"""The items of a task's steps, as the types that the job's function takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from done_app.worker.steps.raised import raise_if_ending
from done_app.worker.steps.retry import read_until_answered
from donebit.completion.items import ItemReader
from donebit.errors import InvalidInput
from donebit.jobs.item_type import ItemType


class UnfitItem(Exception):
    """An item does not fit this worker's job, which was another one where the task was started."""


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
            UnfitItem: it does not fit this worker's job.
        """
        self.load(step)
        if not self.unfit:
            return self.values[step - self.first]
        try:
            (found,) = self.kind.convert(json.dumps([self.unfit[step - self.first]]), step)
        except InvalidInput as error:
            raise UnfitItem(error.detail) from None
        return found

    def why_unfit(self, step: int) -> str | None:
        """Why the item of a step does not fit this worker's job; None if it does, or that is not known."""
        try:
            self.item(step)
        except UnfitItem as error:
            return str(error)
        except BaseException as error:  # it is the failure of the step, once that is run
            raise_if_ending(error)
        return None

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
