"""Which keys there are, and how much each holds: in a backup, and in a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from donebit.backup.records import END_OF_KEY, GONE, KEY, VALUES, read_frames
from donebit.errors import BadBackup
from donebit.store.catalogue import Catalogue
from donebit.store.catalogue_rows import BROKER, WORKERS, KeyRow, Ttl
from donebit.store.id_shards import by_shard, directory_in
from donebit.store.key_values import NEVER, KeyHead, count_elements

# A queue's messages name steps that the sweep sends again, and what runs now says so itself.
LOG: Final = "log:worker"
LOGS: Final = {LOG, "log:trouble"}
QUESTION = "seen:{<segment>}:query:<token>:<level>"  # what one computes with now
WINDOWS = "seen:{<segment>}:<event>:windows"  # counted again where it is not there
REQUESTS = "access:requests:<second>"  # of the last seconds
PERMITS: Final = {"done:{<task>}:permits", "job:{<job>}:permits"}  # of processes that run now
LEFT_OUT: Final = (
    {row.pattern for row in (*BROKER, *WORKERS)} - LOGS | {QUESTION, WINDOWS, REQUESTS} | PERMITS
)
ANSWER: Final = "done:{<task>}:reply:<key>"  # under an Idempotency-Key
NUMBERS: Final = "seen:{<directory>}:numbers"  # made from the lists of ids, since it may be large and busy
IDS: Final = "seen:{<directory>}:ids:<bucket>"
ROWS = Catalogue("")
FLAGGED: Final = "flag:{<segment>}:bits:<flag>"
# What people count: its pattern, and whether its keys are counted, or what they hold.
COUNTED: Final[Mapping[str, tuple[str, bool]]] = {
    "tasks": ("done:{<task>}:task", True),
    "open tasks": ("done:open", False),
    "pending deliveries": ("done:pending:<delivery>", False),
    "schedules": ("schedule:next", False),
    "events": ("event:names", False),
    "users of all events, added up": ("seen:{<segment>}:<event>:all", False),
    "users with text or mapped ids": (NUMBERS, False),
    "flags": ("flag:names", False),
    "users of all flags, added up": (FLAGGED, False),
    "objects with permissions": ("may:{<kind>:<object>}", True),
    "lines of the workers' log": (LOG, False),
}


class KeyEntry(NamedTuple):
    """One key of a backup.

    Attributes:
        place: the number of the record that holds
        pattern: of the catalogue
        elements: how many it has; of a string how many bits are set
        expires_ms: since the epoch, or NEVER
    """

    place: int
    pattern: str
    elements: int
    expires_ms: int


class KindCount(NamedTuple):
    """How many keys of one pattern there are, and how much all of them hold."""

    keys: int
    elements: int


def row_to_keep(name: str) -> KeyRow | None:
    """The row of a key that belongs into a backup; None for any other."""
    row = ROWS.row_of(name)
    return None if row is None or row.pattern in LEFT_OUT or row.ttl is Ttl.SCRATCH else row


def is_copied(name: str) -> bool:
    """Whether a key is copied as it is: not what can be made from others."""
    row = row_to_keep(name)
    return row is not None and row.pattern != NUMBERS


def is_answer(name: str) -> bool:
    """Whether a key has the answer that was given under an Idempotency-Key."""
    row = ROWS.row_of(name)
    return row is not None and row.pattern == ANSWER


def numbers_of(ids_name: str, ids: Sequence[bytes]) -> Iterator[tuple[str, list[int]]]:
    """The keys that have the numbers of the ids in a bucket, and the places of those ids that each has."""
    filled = [place for place, one in enumerate(ids) if one]  # an erased one has left its place empty
    begin, _, rest = ids_name.partition("{")
    directory = directory_in(rest.partition("}")[0])
    for shard, places in by_shard(directory.shards_of([ids[place] for place in filled])):
        name = f"{begin}{{{directory.names[shard]}}}:numbers"
        yield name, [filled[place] for place in places.tolist()]


def read_entries(path: Path) -> dict[str, KeyEntry]:
    """Every key in the file of a backup, each as it was written last.

    Raises:
        BadBackup: it is damaged or cut short, or has what no version of Donebit writes.
    """
    entries: dict[str, KeyEntry] = {}
    ids: dict[str, Counter[str]] = {}  # of each bucket, how many of its ids have their numbers in which key
    place, elements = 0, 0
    for frame in read_frames(path):
        name, kind = frame.head.name, frame.head.kind
        if frame.letter == KEY:
            place, elements = place + 1, 0
            ids.pop(name, None)
        elif frame.letter == VALUES:
            elements += count_elements(kind, frame.values)
            if counts := numbered_in(name, frame.values):
                ids.setdefault(name, Counter()).update(counts)
        elif frame.letter == GONE:
            entries.pop(name, None)
        elif frame.letter == END_OF_KEY:
            entries[name] = KeyEntry(place, _pattern(path, name, kind), elements, frame.head.expires_ms)
    return entries | numbers_entries(entries, ids)


def _pattern(path: Path, name: str, kind: str) -> str:
    row = row_to_keep(name)
    if row is None or row.redis_type != kind:
        raise BadBackup(f"{path} has a key {name!r}, which Donebit does not write")
    return row.pattern


def numbered_in(name: str, values: Sequence[bytes]) -> dict[str, int]:
    """How many ids have their numbers in which key; of a key that is no bucket, none."""
    row = ROWS.row_of(name)
    if row is None or row.pattern != IDS:
        return {}
    return {numbers: len(places) for numbers, places in numbers_of(name, values)}


def numbers_entries(entries: Mapping[str, KeyEntry], ids: Mapping[str, Counter[str]]) -> dict[str, KeyEntry]:
    """The keys that are made from the lists of ids."""
    sizes: Counter[str] = Counter()
    for name in entries:
        sizes.update(ids.get(name, {}))
    return {name: KeyEntry(0, NUMBERS, size, NEVER) for name, size in sizes.items()}


def count_kinds(entries: Iterable[KeyEntry]) -> dict[str, KindCount]:
    """Keys and elements by pattern, sorted."""
    keys: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    for entry in entries:
        keys[entry.pattern] += 1
        elements[entry.pattern] += entry.elements
    return {pattern: KindCount(keys[pattern], elements[pattern]) for pattern in sorted(keys)}


def summary(kinds: Mapping[str, KindCount]) -> dict[str, int]:
    """What people count."""
    counts = {
        what: sum(found.keys if counts_keys else found.elements for found in _kinds(kinds, pattern))
        for what, (pattern, counts_keys) in COUNTED.items()
    }
    return counts | {"keys": sum(found.keys for found in kinds.values())}


def _kinds(kinds: Mapping[str, KindCount], pattern: str) -> list[KindCount]:
    """Those of a pattern; of flags also the bitmaps of a generation, of the indexes of tasks also shards."""
    patterns = (pattern, f"{pattern}@<generation>", f"{pattern}:{{<shard>}}")
    return [found for name, found in kinds.items() if name in patterns]


def entry_of(head: KeyHead, elements: int) -> KeyEntry | None:
    """A key of a store as an entry; None for one that is not backed up."""
    row = row_to_keep(head.name)
    return None if row is None else KeyEntry(0, row.pattern, elements, head.expires_ms)
