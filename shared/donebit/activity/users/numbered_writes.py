"""Writing users by their numbers, beside erasures that take numbers away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from donebit.activity.site import Site
from donebit.activity.users.erasure import ATTEMPTS, Erased, clear
from donebit.activity.users.id_mapping import as_ids, directory_of
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.errors import Conflict

Made = TypeVar("Made")


def with_numbers(
    site: Site, kind: UserKind, users: Sequence[User] | Ids, write: Callable[[Ids], Made]
) -> list[Made]:
    """Write something of these users by their numbers, new ones for those never seen.

    One who is erased meanwhile has lost the number that was written: its bits are cleared, and the user
    is written again, as the one never seen that they are now.

    Raises:
        Conflict: one was erased at every attempt.
    """
    directory = directory_of(site, kind)
    if directory is None:
        return [write(np.asarray(users, np.uint32))]
    made: list[Made] = []
    remaining = as_ids(users)
    for _ in range(ATTEMPTS):
        before = directory.erasures()
        numbers = directory.number_users(remaining)
        made.append(write(np.array(numbers, np.uint32)))
        if directory.erasures() == before:
            return made
        now = directory.known(remaining).numbers
        lost = {user: old for user, old, new in zip(remaining, numbers, now, strict=True) if old != new}
        for number in lost.values():
            clear(site, kind, number, Erased())
        if not lost:
            return made
        remaining = list(lost)
    raise Conflict("users are being erased while they are written; send them again")
