"""Questions about any set of users: how many they are, who they are, and saving them as a flag."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from donebit.activity.flags import flag as flags
from donebit.activity.flags.flag import Flag
from donebit.activity.query.resolve import Resolved, resolve
from donebit.activity.query.tree import Expression, FlagUsers, leaves_of
from donebit.activity.sets import algebra
from donebit.activity.sets.members import MembersPage, page_of
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.errors import Conflict
from donebit.store.flag_swap import Staging

ATTEMPTS = 5  # a flag that changes again and again while it is being replaced


def count(site: Site, expression: Expression, *, now: datetime) -> tuple[int, Resolved]:
    """How many users an expression's set has.

    Returns:
        The number of users, and the set itself.

    Raises:
        InvalidInput: kinds are mixed, a period has expired, or too many bitmaps would be read.
    """
    resolved = resolve(site, expression, now)
    return algebra.count(site.store, resolved.users), resolved


def members(
    site: Site, expression: Expression, *, after: int, limit: int, now: datetime
) -> tuple[MembersPage, Resolved]:
    """A page of the users of an expression's set, in the order of their ids; texts in that of their numbers.

    Raises:
        InvalidInput: as `count` does.
    """
    resolved = resolve(site, expression, now)
    return page_of(site, resolved.kind, resolved.users, after=after, limit=limit), resolved


def save(site: Site, flag: str, expression: Expression, *, now: datetime) -> tuple[int, Resolved]:
    """Replace a flag's users by those of an expression's set.

    The expression may name the flag itself. The flag changes atomically at the end: if the server is lost
    before, it is unchanged. If the set has no users of any kind, an existing flag loses its users, and a new
    one is not created.

    Returns:
        How many users the flag has now, and the set itself.

    Raises:
        InvalidInput: as `count` does; or the flag holds the other kind, or would span too many segments.
        Conflict: the flag was changed meanwhile, at every attempt.
    """
    current = flags.get(site, flag)
    resolved = resolve(site, expression, now)
    kind = resolved.kind or current.kind
    if kind is None:
        return 0, resolved
    flags.refuse_other_kind(current, kind, "flag")
    site.store.activity_layout.check(site.zone)
    itself = any(isinstance(leaf, FlagUsers) and leaf.flag == flag for leaf in leaves_of(expression))
    for _ in range(ATTEMPTS):
        saving = Saving(site, current, kind, expression, now)
        if site.store.swaps.swap_flag(flag, kind, saving.staging(reads_itself=itself)):
            if current.kind is None:
                site.limits.note_flag(flag)
            return saving.users, resolved
    raise Conflict(f"flag {flag} is being changed at the same time; save it again")


class Saving:
    """One attempt to save a set as a flag: what is staged, and how many users that is."""

    def __init__(self, site: Site, flag: Flag, kind: UserKind, expression: Expression, now: datetime) -> None:
        self.site, self.flag, self.kind, self.expression, self.now = site, flag, kind, expression, now
        self.token, self.users = uuid.uuid4().hex, 0

    def staging(self, *, reads_itself: bool) -> Staging:
        """What the store needs for the swap; `reads_itself` if the expression names the flag."""
        return Staging(self.token, self.stage, self.check, reads_itself)

    def stage(self) -> dict[int, int]:
        """Compute the set into staged keys, from the flags as they are now.

        A flag may have been replaced since the set was resolved, the one that is saved too.

        Returns:
            The number of users of each segment.
        """
        resolved = resolve(self.site, self.expression, self.now)
        if resolved.kind is not None:
            flags.refuse_other_kind(replace(self.flag, kind=self.kind), resolved.kind, "flag")
        programs = list(algebra.combinations(self.site.store, resolved.users))
        counts = self.site.store.bitmaps.stage(programs, self.token)
        self.users = sum(counts)
        return {program.segment: count for program, count in zip(programs, counts, strict=True)}

    def check(self, span: int) -> None:
        """Raise InvalidInput for too many segments, or a flag that has begun with the other kind."""
        flags.refuse_span(self.site, self.flag.name, span)
        flags.refuse_other_kind(flags.get(self.site, self.flag.name), self.kind, "flag")
