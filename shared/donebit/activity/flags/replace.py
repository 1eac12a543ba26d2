"""A flag that is said to be just these users': exchanged in one act, so that nobody sees half of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial

from donebit.activity.flags import flag as flags
from donebit.activity.site import Site
from donebit.activity.transfer.formats import Parts
from donebit.activity.users import id_mapping, id_ranges
from donebit.activity.users.ids import User, UserKind, check_batch
from donebit.errors import Conflict
from donebit.store.flag_swap import Staging

ATTEMPTS = 5


def assign(site: Site, name: str, parts: Parts) -> int:
    """Let a flag be the integers of these bitmaps, and nobody else's; how many they are.

    All of it or nothing: whoever reads meanwhile finds the old, or the new.

    Raises:
        InvalidInput: the flag holds another kind, or would span too many segments.
        Conflict: the flag was changed at every attempt.
    """
    return _exchanged(site, name, UserKind.INTEGERS, lambda: parts)


def assign_users(site: Site, name: str, users: Sequence[User]) -> int:
    """The same for users by name, texts too. Raises as `assign` does, and for users that cannot be."""
    kind = check_batch(users)

    def parts() -> Parts:
        ids = id_mapping.numbers_of(site, kind, users)
        return {number: part.packed for number, part in id_ranges.parts_of(ids).items()}

    return _exchanged(site, name, kind, parts)


def _exchanged(site: Site, name: str, kind: UserKind, parts: Callable[[], Parts]) -> int:
    """The users are numbered anew at every attempt: an erasure in between has made the old numbers void."""
    flag = flags.get(site, name)
    flags.refuse_other_kind(flag, kind)
    site.store.visits.check_layout(site.zone)
    for _ in range(ATTEMPTS):
        token, counts = uuid.uuid4().hex, dict[int, int]()
        stage = partial(_stage, site, name, token, parts, counts)
        staging = Staging(token, stage, partial(_check, site, name, kind), reads_itself=False)
        if site.store.swaps.swap_flag(name, kind, staging):
            return sum(counts.values())
    raise Conflict(f"flag {name} is being changed at the same time; send it again")


def _stage(
    site: Site, name: str, token: str, parts: Callable[[], Parts], counts: dict[int, int]
) -> dict[int, int]:
    made = parts()
    flags.refuse_span(site, name, len(made))
    for number in sorted(made):
        counts[number] = site.store.swaps.lay(token, number, made[number]())
    return counts


def _check(site: Site, name: str, kind: UserKind, span: int) -> None:
    flags.refuse_span(site, name, span)
    flags.refuse_other_kind(flags.get(site, name), kind)
