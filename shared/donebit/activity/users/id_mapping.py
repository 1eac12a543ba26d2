"""The number of a user's bit, and the user of a bit: the id itself, or assigned by a directory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.store import text_ids
from donebit.store.directory import DirectoryStore
from donebit.store.id_numbers import UNKNOWN


def directory_of(site: Site, kind: UserKind) -> DirectoryStore[Any] | None:
    """The directory that numbers users of a kind; None where ids are used as they are."""
    if kind is UserKind.TEXTS:
        return site.store.directory
    return site.store.mapped if kind is UserKind.MAPPED else None


def numbers_of(site: Site, kind: UserKind, users: Sequence[User] | Ids) -> Ids:
    """The users' numbers, in their order; users never seen get new ones."""
    directory = directory_of(site, kind)
    if directory is None:
        return np.asarray(users, np.uint32)
    noting = site.limits.noting_texts() if kind is UserKind.TEXTS else None
    return np.array(directory.number_users(as_ids(users), noting), np.uint32)


def refuse_new(site: Site, kind: UserKind, users: Sequence[User] | Ids) -> None:
    """Raise QuotaExceeded if the users need more new text ids than there may be.

    Where all of them would have room, nothing is asked.
    """
    directory = directory_of(site, kind)
    if directory is None or kind is not UserKind.TEXTS:
        return
    if len(users) > site.limits.text_room():
        new = {users[int(place)] for place in np.flatnonzero(directory.known(as_ids(users)) == UNKNOWN)}
        refuse_more(site, kind, new)


def refuse_more(site: Site, kind: UserKind, new: Collection[User]) -> None:
    """Raise QuotaExceeded if there may not be so many more text ids; a UUID in capitals is none more."""
    if new and kind is UserKind.TEXTS and len(new) > site.limits.text_room():
        site.limits.admit_texts(len(set(text_ids.packed(cast(list[str], list(new))))))


def number_of(site: Site, kind: UserKind, user: User) -> int | None:
    """The user's number; None for one never seen, to whom none is assigned."""
    directory = directory_of(site, kind)
    return cast(int, user) if directory is None else directory.number_of(user)


def names_of(site: Site, kind: UserKind, numbers: Sequence[int] | npt.NDArray[Any]) -> list[User]:
    """The ids of these numbers, in their order; without users erased since."""
    directory = directory_of(site, kind)
    if directory is None:
        return [int(number) for number in numbers]
    users = directory.ids_of([int(number) for number in numbers])
    return [user for user in users if user is not None]


def as_ids(users: Sequence[User] | Ids) -> list[User]:
    """The ids as Python's own integers or texts, which the directory needs, rather than numpy's."""
    return users.tolist() if isinstance(users, np.ndarray) else list(users)
