"""`Results`: how a step function says that it takes in what another task's steps returned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

Result = TypeVar("Result")


class Results(Sequence[Result], Generic[Result]):
    """What the steps of a task returned, in the order of the steps; those without a result are left out."""

    def __init__(self, by_step: Mapping[int, Result] | Iterable[tuple[int, Result]] = ()) -> None:
        """Take results with their steps, in any order.

        Args:
            by_step: the result of each step, as a mapping or as pairs (step, result).
        """
        pairs = dict(by_step)
        self._steps = tuple(sorted(pairs))
        self._values = tuple(pairs[step] for step in self._steps)

    @property
    def steps(self) -> Sequence[int]:
        """The numbers of the steps that have a result, ascending; as long as the results."""
        return self._steps

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | Sequence[Result]:
        return self._values[index]

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> Iterator[tuple[int, Result]]:
        """Each step's number with its result, ascending."""
        return zip(self._steps, self._values, strict=True)

    def __repr__(self) -> str:
        return f"Results({dict(self.items())!r})"
