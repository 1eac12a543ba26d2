"""Replacing all users of a flag atomically, so that no reader sees a part of the change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial

from donebit.activity.flags import flag as flags
from donebit.activity.site import Site
from donebit.activity.transfer.formats import Parts
from donebit.activity.users import id_mapping, id_ranges
from donebit.activity.users.ids import Ids, User, UserKind, check_batch, kind_held
from donebit.errors import Conflict
from donebit.store.flag_swap import Staging

ATTEMPTS = 5


def assign(site: Site, name: str, parts: Parts) -> int:
    """Replace a flag's users by the integers of these bitmaps.

    A reader sees either all of the old users or all of the new ones.

    Returns:
        How many users the flag has now.

    Raises:
        InvalidInput: the flag holds another kind, or would span too many segments.
        Conflict: the flag was changed at every attempt.
    """
    return _swap(site, name, UserKind.INTEGERS, lambda: parts)


def assign_users(site: Site, name: str, users: Sequence[User] | Ids, *, ids: UserKind | None = None) -> int:
    """Replace a flag's users by these, integers or texts.

    Args:
        ids: how the ids are to be held; by default as the flag holds them.

    Returns:
        How many users the flag has now.

    Raises:
        InvalidInput: an id is out of range, kinds are mixed, or as `assign` does.
        Conflict: the flag was changed at every attempt.
        QuotaExceeded: more texts are new than may be kept.
    """
    kind = kind_held(check_batch(users), flags.get(site, name).kind, ids)
    id_mapping.refuse_new(site, kind, users)

    def parts() -> Parts:
        numbers = id_mapping.numbers_of(site, kind, users)
        return {number: part.packed for number, part in id_ranges.parts_of(numbers).items()}

    return _swap(site, name, kind, parts)


def _swap(site: Site, name: str, kind: UserKind, parts: Callable[[], Parts]) -> int:
    """Stage the bitmaps and swap them in.

    `parts` is called at every attempt, as an erasure in between invalidates the users' numbers.
    """
    flag = flags.get(site, name)
    flags.refuse_other_kind(flag, kind)
    site.store.activity_layout.check(site.zone)
    for _ in range(ATTEMPTS):
        token, counts = uuid.uuid4().hex, dict[int, int]()
        stage = partial(_stage, site, name, token, parts, counts)
        staging = Staging(token, stage, partial(_check, site, name, kind), reads_itself=False)
        if site.store.swaps.swap_flag(name, kind, staging):
            if flag.kind is None:
                site.limits.note_flag(name)
            return sum(counts.values())
    raise Conflict(f"flag {name} is being changed at the same time; send it again")


def _stage(
    site: Site, name: str, token: str, parts: Callable[[], Parts], counts: dict[int, int]
) -> dict[int, int]:
    bitmaps = parts()
    flags.refuse_span(site, name, len(bitmaps))
    for number in sorted(bitmaps):
        counts[number] = site.store.swaps.lay(token, number, bitmaps[number]())
    return counts


def _check(site: Site, name: str, kind: UserKind, span: int) -> None:
    flags.refuse_span(site, name, span)
    flags.refuse_other_kind(flags.get(site, name), kind)
