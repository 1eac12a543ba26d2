"""The users of a set, by name, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set
from donebit.activity.site import Site
from donebit.activity.users.id_mapping import names_of
from donebit.activity.users.ids import User, UserKind


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Some of a set's users, in the order of their bits, and the bit to go on after, if there may be more."""

    users: list[User]
    next: int | None


def page_of(site: Site, kind: UserKind | None, users: Set, *, after: int = -1, limit: int) -> MembersPage:
    """The first `limit` users behind the bit `after`.

    A text erased between the bitmaps and the directory is left out, so a page may be shorter than its limit
    and yet have a next.
    """
    bits = algebra.members(site.store, users, after=after, limit=limit).tolist()
    # NOT of what nobody ever was is everybody, who are integers then.
    return MembersPage(
        names_of(site, kind or UserKind.INTEGERS, bits), bits[-1] if len(bits) == limit else None
    )
