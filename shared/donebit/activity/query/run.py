"""Questions about any set of users: how many, who, and to be kept as a flag."""

from __future__ import annotations

import uuid
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
    """How many users a set has, and what they are.

    Raises:
        InvalidInput: kinds are mixed, a period is no longer kept, or too many bitmaps are to be read.
    """
    resolved = resolve(site, expression, now)
    return algebra.count(site.store, resolved.users), resolved


def members(
    site: Site, expression: Expression, *, after: int, limit: int, now: datetime
) -> tuple[MembersPage, Resolved]:
    """Who they are, in the order of their ids; texts in that of their numbers. Raises as `count` does."""
    resolved = resolve(site, expression, now)
    return page_of(site, resolved.kind, resolved.users, after=after, limit=limit), resolved


def save(site: Site, flag: str, expression: Expression, *, now: datetime) -> tuple[int, Resolved]:
    """Let a flag be the users of a set, and nobody else's; how many they are.

    The expression may name the flag itself. The flag changes in one act, at the end: if the server is lost
    before, it is as it was. Where nothing that is named was ever seen, a flag that there is loses its users,
    and none is begun.

    Raises:
        InvalidInput: as `count` does; or the flag holds the other kind, or would span too many segments.
        Conflict: the flag was changed meanwhile, at every attempt.
    """
    held = flags.get(site, flag)
    resolved = resolve(site, expression, now)
    kind = resolved.kind or held.kind
    if kind is None:
        return 0, resolved
    flags.refuse_other_kind(held, kind, "flag")
    site.store.visits.check_layout(site.zone)
    itself = any(isinstance(leaf, FlagUsers) and leaf.flag == flag for leaf in leaves_of(expression))
    for _ in range(ATTEMPTS):
        saving = Saving(site, held, kind, resolved)
        if site.store.swaps.swap_flag(flag, kind, saving.staging(reads_itself=itself)):
            return saving.users, resolved
    raise Conflict(f"flag {flag} is being changed at the same time; save it again")


class Saving:
    """One attempt: what is staged, and how many users that is."""

    def __init__(self, site: Site, flag: Flag, kind: UserKind, resolved: Resolved) -> None:
        self.site, self.flag, self.kind, self.resolved = site, flag, kind, resolved
        self.token, self.users = uuid.uuid4().hex, 0

    def staging(self, *, reads_itself: bool) -> Staging:
        return Staging(self.token, self.stage, self.check, reads_itself)

    def stage(self) -> dict[int, int]:
        asked = list(algebra.combinations(self.site.store, self.resolved.users))
        counts = self.site.store.bitmaps.stage(asked, self.token)
        self.users = sum(counts)
        return {one.segment: count for one, count in zip(asked, counts, strict=True)}

    def check(self, span: int) -> None:
        """Raise InvalidInput for too many segments, or a flag that has begun with the other kind."""
        flags.refuse_span(self.site, self.flag.name, span)
        flags.refuse_other_kind(flags.get(self.site, self.flag.name), self.kind, "flag")
