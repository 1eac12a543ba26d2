"""Users as a request names them: singly, as an array of ids, or by ranges of ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from donebit.activity.site import Site
from donebit.activity.users import id_ranges, ids
from donebit.activity.users.id_mapping import as_ids, directory_of
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.activity.users.numbered_writes import with_numbers
from donebit.errors import InvalidInput
from donebit.store.directory import UNKNOWN

Chosen = Sequence[User] | Ids
Spans = Sequence[Sequence[int]]  # half open


@dataclass(frozen=True, slots=True)
class Selection:
    """Users of one kind, all within what ids can be."""

    kind: UserKind
    chosen: Chosen
    spans: Spans

    @classmethod
    def of(cls, chosen: Chosen, spans: Spans = ()) -> Selection:
        """Raises InvalidInput for nobody, an id or a range out of bounds, or texts among integers."""
        if len(chosen) == len(spans) == 0:
            raise InvalidInput("users and ranges are empty; name at least one user", field="users")
        kind = UserKind.INTEGERS  # as an array's are, by its type, all in their range
        if not isinstance(chosen, np.ndarray) and chosen:
            kind = ids.check_batch(chosen)
        id_ranges.check(spans)
        if len(spans) and kind is not UserKind.INTEGERS:
            raise InvalidInput("a range holds integers; the users beside it are texts", field="ranges")
        return cls(kind, chosen, spans)

    @property
    def received(self) -> int:
        """How many were named, each as often as it was."""
        return len(self.chosen) + sum(stop - start for start, stop in self.spans)

    def held_as(self, kind: UserKind | None) -> Selection:
        """The same for a flag of this kind: integers are mapped where its users are.

        Raises:
            InvalidInput: the flag maps its integers, so their ranges are no ranges of bits.
        """
        if (self.kind, kind) != (UserKind.INTEGERS, UserKind.MAPPED):
            return self
        if len(self.spans):
            raise InvalidInput("the flag holds mapped integers, which have no ranges", field="ranges")
        return replace(self, kind=UserKind.MAPPED)

    def written(self, site: Site, write: Callable[[Ids], int]) -> int:
        """What `write` makes of those named singly, by their bits; who was never seen is given a number."""
        return sum(with_numbers(site, self.kind, self.chosen, write))

    def known_numbers(self, site: Site) -> Ids:
        """The bits of those only who have one."""
        directory = directory_of(site, self.kind)
        if directory is None:
            return np.asarray(self.chosen, np.uint32)
        numbers: Ids = directory.known(as_ids(self.chosen)).numbers
        held: Ids = numbers[numbers != UNKNOWN]
        return held
