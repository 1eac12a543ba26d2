"""The type of the items that a step function takes, by which they are checked and converted."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from donebit import wording
from donebit.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ItemType:
    """What a job's items have to be."""

    job: str
    adapter: TypeAdapter[list[Any]] | None  # of a list of them; None where anything will do

    @classmethod
    def of(cls, job: str, annotation: object) -> ItemType:
        """The type that an annotation names; none is any."""
        if annotation in (inspect.Parameter.empty, Any):
            return cls(job, None)
        finite = ConfigDict(allow_inf_nan=False)  # 1e400 would be inf
        return cls(job, TypeAdapter(list[annotation], config=finite))  # type: ignore[valid-type]  # it is one

    def convert(self, text: str, first: int = 0) -> list[Any]:
        """Convert a JSON list of items to the function's type.

        Args:
            text: the list.
            first: the index of its first item.

        Raises:
            InvalidInput: an item does not fit; the first such is named by its index.
        """
        if self.adapter is None:
            found: list[Any] = json.loads(text)
            return found
        try:
            return self.adapter.validate_json(text, strict=True)
        except ValidationError as error:
            fault = error.errors()[0]
            index, *inner = fault["loc"]
            item = f"items[{first + int(index)}]"
            why = wording.sentence(wording.path([item, *inner]), fault)
            raise InvalidInput(
                f"job {self.job} does not take {item}: {why}", field=f"items.{first + int(index)}"
            ) from None

    def check(self, texts: Iterable[str], first: int = 0) -> None:
        """Check the items in some JSON lists, one after the other.

        Raises:
            InvalidInput: an item does not fit; the first such is named by its index.
        """
        for text in texts:
            first += len(self.convert(text, first))
