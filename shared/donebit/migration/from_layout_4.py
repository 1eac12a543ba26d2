"""From layout 4 to 5: a UUID in capitals and the same in lower case, kept as two users, become one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.flags import Marks
from donebit.store.id_shards import BUCKET
from donebit.store.key_names import Keys
from donebit.store.text_ids import UUID_BYTES, UUID_CHARACTERS, packed
from donebit.store.visits import Batch, PeriodExpiry

TEXTS: Final = "texts"
BITMAPS_A_CALL = 1000  # each a GETBIT in one script
NO_LIMIT = 2**32  # of segments: what an event or a flag has already cannot be refused


@dataclass(frozen=True, slots=True)
class Variant:
    """A UUID that is kept as the text in which it came, with its number."""

    field: bytes
    number: bytes  # 4 bytes, little-endian, as the directory keeps it
    lower: bytes  # the 16 bytes as which layout 5 keeps it

    @property
    def bit(self) -> tuple[int, int]:
        """The segment and the bit of its number."""
        return divmod(int.from_bytes(self.number, "little"), SEGMENT_BITS)


@dataclass(frozen=True, slots=True)
class Lowered:
    """How many UUIDs were kept in capitals, and how many of them in lower case too, as another user."""

    uuids: int
    merged: int


def lower_uuids(store: Store, *, dry_run: bool, numbers: str | None = None) -> Lowered:
    """Keep every UUID once.

    The bits of the second number are set for the first before they are cleared, and its id is dropped last:
    killed at any point, the same again goes on.

    Args:
        dry_run: count only
        numbers: the key of the directory; None for that of the present layout
    """
    merging, found, merged = Merging(store), 0, 0
    counted, taken = set[bytes](), set[bytes]()  # in a dry run, what would be gone, and be there
    numbers = numbers or store.keys.numbers(Keys.TEXT_USERS)
    for variant in variants(store, numbers):
        still, twin = store.mover.hash_values(numbers, [variant.field, variant.lower])
        if still != variant.number or variant.field in counted:  # a scan may come to a field twice
            continue
        found += 1
        merged += twin is not None or variant.lower in taken
        if dry_run:
            counted.add(variant.field)
            taken.add(variant.lower)
            continue
        if twin is not None:
            merging.merge(variant, int.from_bytes(twin, "little"))
        replace(store, variant, None if twin is not None else variant.lower)
    return Lowered(found, merged)


def variants(store: Store, numbers: str) -> Iterator[Variant]:
    """Every UUID that is kept as a text."""
    for page in store.mover.hash_pages(numbers):
        for field, number in page:
            if len(field) == UUID_CHARACTERS and (lower := uuid_of(field)):
                yield Variant(field, number, lower)


def uuid_of(field: bytes) -> bytes | None:
    """The 16 bytes of a UUID; None for any other text of as many bytes."""
    (kept,) = packed([field.decode()])
    return kept if isinstance(kept, bytes) and len(kept) == UUID_BYTES else None


def replace(store: Store, variant: Variant, lower: bytes | None) -> None:
    """Let the number have the UUID in lower case, or no id any more, where that is another number's."""
    number = int.from_bytes(variant.number, "little")
    bucket = store.keys.ids_of_numbers(Keys.TEXT_USERS, number // BUCKET)
    numbers = store.keys.numbers(Keys.TEXT_USERS)
    store.mover.replace_id(numbers, bucket, number % BUCKET, (variant.field, variant.number), lower)


class Merging:
    """Moves the bits of one number to another, in every event and flag of texts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: dict[str, list[PeriodExpiry]] | None = None

    def merge(self, variant: Variant, number: int) -> None:
        """Set the bits of a number wherever the variant has its own, then clear those."""
        segment, bit = variant.bit
        to_segment, to_bit = divmod(number, SEGMENT_BITS)
        for event, expiries in self._periods().items():
            held = self._held(event, expiries, segment, bit)
            if held:
                self._store.visits.open_event(event, TEXTS, held, [to_segment], NO_LIMIT)
                self._store.visits.mark_users(event, TEXTS, held, [Batch(to_segment, [to_bit])])
                bitmaps = [Bitmap(event, one.period) for one in held]
                self._store.bitmaps.clear_user(segment, bit, [bitmaps])
        for flag, kind in self._store.flags.flags().items():
            if kind == TEXTS and self._store.bitmaps.present_in_any([Bitmap(flag)], segment, bit):
                self._store.flags.open_flag(Bitmap(flag), TEXTS, [to_segment], NO_LIMIT)
                self._store.flags.mark_flag(Bitmap(flag), [Marks(to_segment, [to_bit])], 1)
                self._store.bitmaps.clear_user(segment, bit, [[Bitmap(flag)]])

    def _periods(self) -> dict[str, list[PeriodExpiry]]:
        """The periods of each event of texts, all time last; read once, since nothing else is running."""
        if self._events is None:
            events = [event for event, kind in self._store.visits.events().items() if kind == TEXTS]
            self._events = {event: self._store.visits.living_periods(event) for event in events}
        return self._events

    def _held(self, event: str, expiries: list[PeriodExpiry], segment: int, bit: int) -> list[PeriodExpiry]:
        """The periods in which a bit is set."""
        held: list[PeriodExpiry] = []
        for start in range(0, len(expiries), BITMAPS_A_CALL):
            part = expiries[start : start + BITMAPS_A_CALL]
            periods = (one.period for one in part)
            there = self._store.bitmaps.timeline(event, periods, segment, bit)
            held += [one for one, is_there in zip(part, there, strict=True) if is_there]
        return held
