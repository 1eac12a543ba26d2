"""Erasing a user: out of every event in every period, every flag, and the directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from donebit.activity.site import Site
from donebit.activity.users import ids
from donebit.activity.users.id_mapping import directory_of
from donebit.activity.users.ids import User, UserKind
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.directory import DirectoryStore

# Bitmaps a script, each a GETBIT: a millisecond. An event of the default retention has 630 at most.
BITMAPS_A_CALL = 1000
ATTEMPTS = 5


@dataclass(slots=True)
class Erased:
    """What held a user, and does no more."""

    events: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    bitmaps: int = 0
    numbers: int = 0  # taken out of a directory: of a text, or of an integer that was mapped

    def add(self, cleared: Sequence[Bitmap]) -> None:
        self.bitmaps += len(cleared)
        self.events |= {bitmap.name for bitmap in cleared if bitmap.period is not None}
        self.flags |= {bitmap.name for bitmap in cleared if bitmap.period is None}


def erase(site: Site, user: User) -> Erased:
    """Erase a user everywhere. Makes no key, whoever it is.

    A visit of the same user beside it is erased too, or is one after it; in no event it is in some of its
    periods only. A text that visits after it is a user never seen: it gets a number of its own, and the
    number it had is never given again. If the server is lost midway, part may be cleared: erase again,
    which also ends what another erasure has left.

    Raises:
        InvalidInput: the user cannot be one.
    """
    ids.check(user, "user")
    made = Erased()
    for kind in kinds_of(user):
        directory = directory_of(site, kind)
        if directory is None:
            clear(site, kind, int(user), made)
        else:
            erase_numbered(site, kind, directory, user, made)
    return made


def kinds_of(user: User) -> list[UserKind]:
    return [UserKind.TEXTS] if isinstance(user, str) else [UserKind.INTEGERS, UserKind.MAPPED]


def erase_numbered(
    site: Site, kind: UserKind, directory: DirectoryStore[Any], user: User, made: Erased
) -> None:
    """Erase a user that a directory numbers, and whoever an erasure before has not done with."""
    made.numbers += directory.erase_id(user)
    for number in directory.erasing():
        clear(site, kind, number, made)
        directory.erased(number)


def clear(site: Site, kind: UserKind, number: int, made: Erased) -> None:
    """Clear a number's bits in all events and flags of its kind."""
    segment, bit = divmod(number, SEGMENT_BITS)
    held = site.store.visits.events()
    events = [event for event in held if held[event] == kind]
    for _ in range(ATTEMPTS):
        before = site.store.visits.periods_of(events)
        for cleared in site.store.bitmaps.clear_user(segment, bit, groups_of(events, before)):
            made.add(cleared)
        after = site.store.visits.periods_of(events)
        # A period begun meanwhile may have been written with those just cleared: all of them once more.
        events = [event for event, old, new in zip(events, before, after, strict=True) if set(new) - set(old)]
        if not events:
            break
    clear_flags(site, kind, number, made)


def clear_flags(site: Site, kind: UserKind, number: int, made: Erased) -> None:
    """Clear a number's bit in all flags of its kind.

    A set that was read while the user was in it may still become a flag's. So it is said that somebody was
    cleared, which stops whoever has read before; and what became a flag's until then is cleared behind it.
    """
    segment, bit = divmod(number, SEGMENT_BITS)
    unsaid = made.bitmaps > 0
    for _ in range(ATTEMPTS):
        flags = [Bitmap(flag) for flag, holds in site.store.flags.flags().items() if holds == kind]
        cleared = [
            one for part in site.store.bitmaps.clear_user(segment, bit, in_calls(flags)) for one in part
        ]
        made.add(cleared)
        if not cleared and not unsaid:
            return
        site.store.flags.note_erasure()
        unsaid = False


def groups_of(events: Sequence[str], periods: Sequence[Sequence[str]]) -> list[Sequence[Bitmap]]:
    """The bitmaps of each event, together as far as one script may take them."""
    return [
        group
        for event, names in zip(events, periods, strict=True)
        for group in in_calls([Bitmap(event, name) for name in names])
    ]


def in_calls(bitmaps: Sequence[Bitmap]) -> list[Sequence[Bitmap]]:
    return [bitmaps[start : start + BITMAPS_A_CALL] for start in range(0, len(bitmaps), BITMAPS_A_CALL)]
