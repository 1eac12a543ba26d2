"""`Results`: how a step function says that it takes in what another task's steps returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
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


class StoredResults(Results[Result]):
    """Results that are read a part at a time, as often as they are gone through, and never held as a whole.

    To go through them is cheap. An index reads all before it, and `steps` and `reversed` hold everything.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[tuple[Sequence[int], Sequence[Result]]]],
        count: Callable[[], int],
    ) -> None:
        """Read nothing yet.

        Args:
            read: gives the steps and their results in parts, ascending.
            count: says how many results there are.
        """
        self._read, self._count = read, count

    @property
    def steps(self) -> Sequence[int]:
        return tuple(step for steps, _ in self._read() for step in steps)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | Sequence[Result]:
        if isinstance(index, slice):
            wanted = range(len(self))[index]
            low, high = min(wanted, default=0), max(wanted, default=-1) + 1
            values = tuple(islice(self, low, high))
            return tuple(values[at - low] for at in wanted)
        at = index if index >= 0 else len(self) + index
        for value in islice(self, max(at, 0), None) if at >= 0 else ():
            return value
        raise IndexError(f"index {index} is not one of the results")

    def __len__(self) -> int:
        return self._count()

    def __iter__(self) -> Iterator[Result]:
        for _, values in self._read():
            yield from values

    # Those of Sequence take an index for each result, and each would read all before it.
    def __reversed__(self) -> Iterator[Result]:
        return reversed(tuple(self))

    def index(self, value: object, start: int = 0, stop: int | None = None) -> int:
        low, high, _ = slice(start, stop).indices(len(self))
        for at, one in enumerate(islice(self, low, high), low):
            if one is value or one == value:
                return at
        raise ValueError(f"{value!r} is not one of the results")

    def items(self) -> Iterator[tuple[int, Result]]:
        for steps, values in self._read():
            yield from zip(steps, values, strict=True)

    def __repr__(self) -> str:
        return "Results that are read when they are gone through"
