"""Users as a request names them: singly, as an array of ids, or by ranges of ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.activity import ranges, users
from shared.activity.site import Site
from shared.activity.users import Ids, Kind, User
from shared.errors import InvalidInput

Chosen = Sequence[User] | Ids
Spans = Sequence[Sequence[int]]  # half open


@dataclass(frozen=True, slots=True)
class Selection:
    """Users of one kind, all within what ids can be."""

    kind: Kind
    chosen: Chosen
    spans: Spans

    @classmethod
    def of(cls, chosen: Chosen, spans: Spans = ()) -> Selection:
        """Raises InvalidInput for nobody, an id or a range out of bounds, or texts among integers."""
        if len(chosen) == len(spans) == 0:
            raise InvalidInput("users and ranges are empty; name at least one user", field="users")
        kind = Kind.INTEGERS  # as an array's are, by its type, all in their range
        if not isinstance(chosen, np.ndarray) and chosen:
            kind = users.checked(chosen)
        ranges.check(spans)
        if len(spans) and kind is not Kind.INTEGERS:
            raise InvalidInput("a range holds integers; the users beside it are texts", field="ranges")
        return cls(kind, chosen, spans)

    @property
    def received(self) -> int:
        """How many were named, each as often as it was."""
        return len(self.chosen) + sum(stop - start for start, stop in self.spans)

    def numbers(self, site: Site) -> Ids:
        """The bits of those named singly; a text never seen before is given its number."""
        if self.kind is not Kind.TEXTS:
            return np.asarray(self.chosen, np.uint32)
        return np.array(site.store.directory.number_users(self.texts), np.uint32)

    def known_numbers(self, site: Site) -> Ids:
        """The same, of those only who have one."""
        if self.kind is not Kind.TEXTS:
            return np.asarray(self.chosen, np.uint32)
        found = site.store.directory.numbers_of(self.texts)
        return np.array([number for number in found if number is not None], np.uint32)

    @property
    def texts(self) -> list[str]:
        return [str(user) for user in self.chosen]
