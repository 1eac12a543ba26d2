"""The users that a request names: one by one, as an array of ids, or by ranges of ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from donebit.activity.site import Site
from donebit.activity.users import id_ranges, ids
from donebit.activity.users.id_mapping import as_ids, directory_of, refuse_new
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.activity.users.numbered_writes import with_numbers
from donebit.errors import InvalidInput
from donebit.store.id_numbers import UNKNOWN

Chosen = Sequence[User] | Ids
Spans = Sequence[Sequence[int]]  # half open


@dataclass(frozen=True, slots=True)
class Selection:
    """Users of one kind, with all ids and ranges in bounds."""

    kind: UserKind
    chosen: Chosen
    spans: Spans

    @classmethod
    def of(cls, chosen: Chosen, spans: Spans = ()) -> Selection:
        """A checked selection.

        Args:
            chosen: users named one by one.
            spans: half-open ranges of integer ids.

        Raises:
            InvalidInput: nobody is named, an id or range is out of bounds, or kinds are mixed.
        """
        if len(chosen) == len(spans) == 0:
            raise InvalidInput("users and ranges are empty; name at least one user", field="users")
        kind = UserKind.INTEGERS  # an array has only these, all in range by its type
        if not isinstance(chosen, np.ndarray) and chosen:
            kind = ids.check_batch(chosen)
        id_ranges.check(spans)
        if len(spans) and kind is not UserKind.INTEGERS:
            raise InvalidInput("a range holds integers; the users beside it are texts", field="ranges")
        return cls(kind, chosen, spans)

    @property
    def received(self) -> int:
        """How many users were named; duplicates count each time."""
        return len(self.chosen) + sum(stop - start for start, stop in self.spans)

    def held_as(self, kind: UserKind | None) -> Selection:
        """This selection for a flag of that kind: its integers are mapped if the flag maps integers.

        Raises:
            InvalidInput: the flag maps its integers and there are ranges, which are not ranges of bits then.
        """
        if (self.kind, kind) != (UserKind.INTEGERS, UserKind.MAPPED):
            return self
        if len(self.spans):
            raise InvalidInput("the flag holds mapped integers, which have no ranges", field="ranges")
        return replace(self, kind=UserKind.MAPPED)

    def write(self, site: Site, write: Callable[[Ids], int]) -> int:
        """Call `write` with the numbers of users named one by one; users never seen get new numbers.

        Returns:
            The sum of what `write` returned.

        Raises:
            QuotaExceeded: more texts are new than may be kept.
        """
        refuse_new(site, self.kind, self.chosen)
        return sum(with_numbers(site, self.kind, self.chosen, write))

    def known_numbers(self, site: Site) -> Ids:
        """The numbers of the users named one by one, without users who have none."""
        directory = directory_of(site, self.kind)
        if directory is None:
            return np.asarray(self.chosen, np.uint32)
        numbers: Ids = directory.known(as_ids(self.chosen))
        held: Ids = numbers[numbers != UNKNOWN]
        return held
