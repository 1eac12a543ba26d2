"""Writing users by their numbers while erasures may remove those numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from donebit.activity.site import Site
from donebit.activity.users.erasure import ATTEMPTS, Erased, clear
from donebit.activity.users.id_mapping import as_ids, directory_of, numbers_of
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.errors import Conflict

Result = TypeVar("Result")


def with_numbers(
    site: Site, kind: UserKind, users: Sequence[User] | Ids, write: Callable[[Ids], Result]
) -> list[Result]:
    """Call `write` with the users' numbers, new ones for users never seen.

    A user who is erased meanwhile has lost the number that was written: its bits are cleared, and the user
    is written again as a new user.

    Returns:
        What `write` returned, once for each time it was called.

    Raises:
        Conflict: a user was erased at every attempt.
    """
    directory = directory_of(site, kind)
    if directory is None:
        return [write(np.asarray(users, np.uint32))]
    results: list[Result] = []
    remaining = as_ids(users)
    for _ in range(ATTEMPTS):
        before = directory.erasures(remaining)
        numbers = numbers_of(site, kind, remaining)
        results.append(write(numbers))
        if directory.erasures(remaining) == before:
            return results
        now = directory.known(remaining)
        lost = {user: old for user, old, new in zip(remaining, numbers, now, strict=True) if old != new}
        for number in lost.values():
            clear(site, kind, int(number), Erased())
        if not lost:
            return results
        remaining = list(lost)
    raise Conflict("users are being erased while they are written; send them again")
