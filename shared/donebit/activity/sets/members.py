"""The users of a set, by id, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set
from donebit.activity.site import Site
from donebit.activity.users.id_mapping import names_of
from donebit.activity.users.ids import User, UserKind


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Some of a set's users in the order of their bits; `next` is the last bit if there may be more users."""

    users: list[User]
    next: int | None


def page_of(site: Site, kind: UserKind | None, users: Set, *, after: int = -1, limit: int) -> MembersPage:
    """The first `limit` users after the bit `after`.

    A text that is erased after its bit was read is left out, so a page may be shorter than its limit and
    still have a next.
    """
    bits = algebra.members(site.store, users, after=after, limit=limit).tolist()
    return MembersPage(
        names_of(site, kind or UserKind.INTEGERS, bits), bits[-1] if len(bits) == limit else None
    )
