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

# Bitmaps a script, each a GETBIT: a millisecond. An event of the default expiry has 630 at most.
BITMAPS_A_CALL = 1000
ATTEMPTS = 5


@dataclass(slots=True)
class Erased:
    """What an erasure has removed a user from."""

    events: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    bitmaps: int = 0
    numbers: int = 0  # removed from a directory: of a text, or of a mapped integer

    def add(self, cleared: Sequence[Bitmap]) -> None:
        """Count bitmaps in which the user's bit was cleared."""
        self.bitmaps += len(cleared)
        self.events |= {bitmap.name for bitmap in cleared if bitmap.period is not None}
        self.flags |= {bitmap.name for bitmap in cleared if bitmap.period is None}


def erase(site: Site, user: User) -> Erased:
    """Erase a user everywhere. Creates no key.

    A visit of the same user at the same time is either erased too or counts as made after the erasure; it
    never remains in only some periods of an event. A text that visits after its erasure is a new user with a
    new number; its old number is never assigned again. If the server is lost midway, part may be cleared:
    erase again, which also completes any other unfinished erasure.

    Raises:
        InvalidInput: the id is out of range.
    """
    ids.check(user, "user")
    erased = Erased()
    for kind in kinds_of(user):
        directory = directory_of(site, kind)
        if directory is None:
            clear(site, kind, int(user), erased)
        else:
            erase_numbered(site, kind, directory, user, erased)
    return erased


def kinds_of(user: User) -> list[UserKind]:
    """The kinds as which events may hold this user."""
    return [UserKind.TEXTS] if isinstance(user, str) else [UserKind.INTEGERS, UserKind.MAPPED]


def erase_numbered(
    site: Site, kind: UserKind, directory: DirectoryStore[Any], user: User, erased: Erased
) -> None:
    """Erase a user who has a number in a directory, and complete unfinished erasures of others."""
    erased.numbers += directory.erase_id(user)
    for number in directory.erasing():
        clear(site, kind, number, erased)
        directory.erased(number)


def clear(site: Site, kind: UserKind, number: int, erased: Erased) -> None:
    """Clear a number's bits in all events and flags of its kind, and count them in `erased`.

    Nor is it counted any longer as what a token began.
    """
    if kind is UserKind.TEXTS:
        site.store.begun.forget_text(number)
    segment, bit = divmod(number, SEGMENT_BITS)
    kinds = site.store.visits.events()
    events = [event for event in kinds if kinds[event] == kind]
    for _ in range(ATTEMPTS):
        before = site.store.visits.periods_of(events)
        for cleared in site.store.bitmaps.clear_user(segment, bit, groups_of(events, before)):
            erased.add(cleared)
        after = site.store.visits.periods_of(events)
        # A period begun meanwhile may have been written with those just cleared: clear all of them again.
        events = [event for event, old, new in zip(events, before, after, strict=True) if set(new) - set(old)]
        if not events:
            break
    clear_flags(site, kind, number, erased)


def clear_flags(site: Site, kind: UserKind, number: int, erased: Erased) -> None:
    """Clear a number's bit in all flags of its kind.

    A set of users that was read before the erasure may still be saved as a flag. So the erasure is noted in
    the store, which stops such a save, and flags that were saved before the note are cleared afterwards.
    """
    segment, bit = divmod(number, SEGMENT_BITS)
    # A number may have been given for a flag that is being saved, and be in no bitmap yet.
    must_note = erased.bitmaps > 0 or kind is not UserKind.INTEGERS
    for _ in range(ATTEMPTS):
        parts = site.store.bitmaps.clear_user(segment, bit, in_calls(bitmaps_of_flags(site, kind)))
        cleared = [bitmap for part in parts for bitmap in part]
        erased.add(cleared)
        if not cleared and not must_note:
            return
        site.store.flags.note_erasure(flags_of(site, kind))
        must_note = False


def flags_of(site: Site, kind: UserKind) -> list[str]:
    """The flags that hold this kind, or are about to."""
    return [flag for flag, holds in site.store.flags.flags().items() if holds == kind]


def bitmaps_of_flags(site: Site, kind: UserKind) -> list[Bitmap]:
    """The bitmaps of all flags of this kind, those that are being laid or are to go included."""
    flags = flags_of(site, kind)
    records = site.store.flags.about_each(flags)
    return [bitmap for flag, record in zip(flags, records, strict=True) for bitmap in record.bitmaps(flag)]


def groups_of(events: Sequence[str], periods: Sequence[Sequence[str]]) -> list[Sequence[Bitmap]]:
    """The bitmaps of each event, in groups that one script may handle."""
    return [
        group
        for event, names in zip(events, periods, strict=True)
        for group in in_calls([Bitmap(event, name) for name in names])
    ]


def in_calls(bitmaps: Sequence[Bitmap]) -> list[Sequence[Bitmap]]:
    """The bitmaps, divided into groups that one script may handle."""
    return [bitmaps[start : start + BITMAPS_A_CALL] for start in range(0, len(bitmaps), BITMAPS_A_CALL)]
