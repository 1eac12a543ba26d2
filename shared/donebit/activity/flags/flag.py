"""Flags: a status that can be set and cleared for users one by one, in bulk or by range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.activity.users import id_mapping, id_ranges
from donebit.activity.users import ids as users
from donebit.activity.users.id_ranges import SegmentRanges
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.activity.users.selection import Chosen, Selection, Spans
from donebit.errors import Conflict, InvalidInput
from donebit.names import checked_name, stored_name
from donebit.store.answers import OpenStatus
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap

SEGMENTS_A_CALL = 64  # packed, 8 MB a round trip
ATTEMPTS = 5  # a flag dropped again and again while it is being written

SET, CLEAR = 1, 0


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag, whether any user has it or not."""

    name: str
    kind: UserKind | None = None  # None for one never set
    generation: str = ""  # of its bitmaps: another one each time that it is replaced as a whole

    @property
    def bitmap(self) -> Bitmap:
        """The users who have the flag, for use in expressions."""
        return Bitmap(self.name, None, self.generation)


def get(site: Site, name: str) -> Flag:
    """The flag of that name. Raises InvalidInput for a name that no flag can have."""
    record = site.store.flags.about(checked_name(name, "flag"))
    return Flag(name, UserKind(record.kind) if record.kind else None, record.generation)


def all_flags(site: Site) -> list[Flag]:
    """All flags, sorted by name."""
    kinds = sorted(site.store.flags.flags().items())
    records = site.store.flags.about_each([name for name, _ in kinds])
    return [
        Flag(name, UserKind(kind), record.generation)
        for (name, kind), record in zip(kinds, records, strict=True)
    ]


def list_flags(site: Site, *, after: str = "", limit: int) -> tuple[list[tuple[Flag, int]], bool]:
    """A page of flags, sorted by name.

    Args:
        after: only flags whose names sort after this one.

    Returns:
        At most `limit` flags, each with its number of users; and whether there are more flags.
    """
    remaining = [flag for flag in all_flags(site) if flag.name > after]
    page = remaining[:limit]
    numbers = algebra.counts(site.store, [flag.bitmap for flag in page])
    return list(zip(page, numbers, strict=True)), len(remaining) > limit


def set_users(site: Site, name: str, chosen: Chosen, spans: Spans = ()) -> int:
    """Set the flag for these users and for all in these half-open ranges.

    If the server is lost midway, part may be flagged: send them again.

    Returns:
        How many users did not have the flag before.

    Raises:
        InvalidInput: nobody is named, an id or range is out of bounds, the flag holds the other kind, or it
            would span too many segments.
        Conflict: the flag was dropped at every attempt.
    """
    flag = get(site, name)
    selection = Selection.of(chosen, spans).held_as(flag.kind)
    refuse_other_kind(flag, selection.kind)
    site.store.activity_layout.check(site.zone)

    def write(ids: Ids) -> int:
        return set_parts(site, flag, selection.kind, id_ranges.parts_of(ids, selection.spans))

    return selection.write(site, write)


def clear_users(site: Site, name: str, chosen: Chosen, spans: Spans = ()) -> int:
    """Clear the flag for these users and for all in these half-open ranges.

    Creates no key, and assigns no number to an unknown text.

    Returns:
        How many users had the flag before.

    Raises:
        InvalidInput: nobody is named, an id or range is out of bounds, or the flag holds the other kind.
    """
    flag = get(site, name)
    selection = Selection.of(chosen, spans).held_as(flag.kind)
    if flag.kind is None:
        return 0
    refuse_other_kind(flag, selection.kind)
    parts = id_ranges.parts_of(selection.known_numbers(site), selection.spans)
    changed = 0
    for _ in range(ATTEMPTS):
        (segments,) = site.store.bitmaps.segments([flag.bitmap])
        cleared = mark(site, flag, {number: parts[number] for number in segments if number in parts}, CLEAR)
        changed += cleared
        if site.store.flags.look_at_flag(flag.bitmap, changed=cleared > 0) is not None:
            return changed
        flag = get(site, name)
        if flag.kind is not selection.kind:  # dropped, perhaps begun again with others
            return changed
    raise Conflict(f"flag {name} is being replaced; send it again")


def has(site: Site, name: str, user: User) -> bool:
    """Whether the user has the flag.

    Raises:
        InvalidInput: the id is out of range, or of a kind that the flag does not hold.
    """
    users.check(user, "user")
    flag = get(site, name)
    if flag.kind is None:
        return False
    refuse_other_kind(flag, Selection.of([user]).held_as(flag.kind).kind, "user")
    number = id_mapping.number_of(site, flag.kind, user)
    if number is None:
        return False
    segment, bit = divmod(number, SEGMENT_BITS)
    return site.store.bitmaps.present_in_any([flag.bitmap], segment, bit)


def count(site: Site, name: str, *, ids: range | None = None) -> int:
    """How many users have the flag, with `ids` only those in that range; 0 for a flag never set."""
    return algebra.count(site.store, get(site, name).bitmap, ids=ids)


def members(site: Site, name: str, *, after: int = -1, limit: int) -> npt.NDArray[np.int64]:
    """The first `limit` users after the bit `after` who have the flag, as their bits, ascending."""
    return algebra.members(site.store, get(site, name).bitmap, after=after, limit=limit)


def drop(site: Site, name: str) -> bool:
    """Delete a flag. Returns whether it existed."""
    flags = site.store.flags
    record = flags.about(stored_name(name, "flag"))
    known = record.kind is not None or (not record.unfinished and flags.is_listed(name))
    flags.drop_flag(name)
    return known


def set_parts(site: Site, flag: Flag, kind: UserKind, parts: dict[int, SegmentRanges]) -> int:
    """Write the registry, then the bits; what was dropped or replaced in between is repeated.

    Returns:
        How many users are new.

    Raises:
        InvalidInput: the flag holds the other kind, or would span too many segments.
        Conflict: the flag was dropped or replaced at every attempt.
    """

    limit, changed = site.max_segments, 0
    for _ in range(ATTEMPTS):
        flag = open_segments(site, flag, kind, list(parts), limit=limit)
        fresh = mark(site, flag, parts, SET)
        changed += fresh
        found = site.store.flags.look_at_flag(flag.bitmap, changed=fresh > 0)
        if found is None:  # what is written to a generation that is replaced must go with it
            site.store.flags.retire_segments(flag.bitmap, list(parts))
        parts = {number: part for number, part in parts.items() if number not in (found or ())}
        if not parts:
            return changed
    raise Conflict(f"flag {flag.name} is being dropped; send it again")


def open_segments(site: Site, flag: Flag, kind: UserKind, segments: Sequence[int], *, limit: int) -> Flag:
    """Add segments to the flag's registry, and the flag to the list of flags.

    Returns:
        The flag as it is now: it may have been replaced.

    Raises:
        InvalidInput: the flag holds the other kind, or would span more than `limit` segments.
        Conflict: the flag was replaced at every attempt.
    """
    for _ in range(ATTEMPTS):
        opened = site.store.flags.open_flag(flag.bitmap, kind, segments, limit)
        if opened.status is OpenStatus.KIND:
            refuse_other_kind(Flag(flag.name, UserKind(opened.held)), kind)
        if opened.status is OpenStatus.SEGMENTS:
            refuse_span(site, flag.name, opened.span)
        if opened.status is not OpenStatus.REPLACED:
            site.store.flags.enter(flag.name, kind)
            if opened.begun:
                site.limits.note_flag(flag.name)
            return flag
        flag = get(site, flag.name)
    raise Conflict(f"flag {flag.name} is being replaced; send it again")


def mark(site: Site, flag: Flag, parts: dict[int, SegmentRanges], value: int) -> int:
    """Set or clear bits, at most 8 MB of them at a time. Returns how many users changed."""
    segments, changed = iter(parts.items()), 0
    while batch := list(islice(segments, SEGMENTS_A_CALL)):
        marks = [part.marks(segment) for segment, part in batch]
        changed += sum(site.store.flags.mark_flag(flag.bitmap, marks, value))
    return changed


def refuse_other_kind(flag: Flag, kind: UserKind, field: str = "users") -> None:
    """Raise InvalidInput for users of a kind that the flag does not hold."""
    if flag.kind is not None and flag.kind is not kind:
        raise InvalidInput(
            f"flag {flag.name} has {flag.kind.in_words} (set by its first user); these are {kind.in_words}",
            field=field,
        )


def refuse_span(site: Site, name: str, span: int) -> None:
    """Raise InvalidInput for a flag that would span too many segments."""
    if span > site.max_segments:
        raise InvalidInput(
            f"flag {name} would span {span} segments of {SEGMENT_BITS} ids; at most {site.max_segments}: "
            "its ids are too sparse for bitmaps. Raise MAX_SEGMENTS, or send them as texts, which are "
            "numbered densely",
            field="users",
        )
