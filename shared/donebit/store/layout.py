"""Which layout a store has: what it is written with is refused by code that writes another."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from redis import exceptions

from donebit.errors import ConfigurationError
from donebit.store.key_names import Keys
from donebit.store.moving import KeyMover

LAYOUT_VERSION = 5

# Until layout 4 keys had no prefix. Of a store with tasks, flags or numbered users, one of these is there.
OLD_LAYOUT = "seen:layout"
OLD_KEYS: Final = {
    "done:open": "zset",
    "done:tasks": "zset",
    "seen:events": "hash",
    "flag:names": "hash",
    "seen:{users}:next": "string",
    "seen:{mapped}:next": "string",
}
OLD_PERMISSIONS = "may:{*}:names"
# A mark before the layout of a store whose tasks are in shards; alone until its first visit. It is no number:
# releases that know of no shards refuse it, in their services and in their workers.
TASKS_IN_SHARDS: Final = "tasks-in-shards"
SHARDING_TASKS: Final = "sharding-tasks"  # the mark while they are moved there
RESTORING_TEXT: Final = "restoring "  # and which backup: in place of a layout, while the store is not whole
CUTTING_TEXT: Final = "cutting "  # and the layout before, while the directories are cut in shards
LAYOUT_TEXT = re.compile(r"\d+ (?P<segments>segment_bits=\d+) (?:id_shards=(?P<shards>\d+) )?zone=")


class LayoutVersion(IntEnum):
    """What a store can be found to be, beside the number of its layout."""

    BEING_CUT = -4  # its directories are cut in shards, and not all of them yet
    TASKS_BEING_SHARDED = -3  # a move of tasks into shards has begun, and not ended
    RESTORING = -2  # a restore has begun, and not ended
    UNKNOWN = -1  # it says something that no version of Donebit writes
    EMPTY = 0
    UNPREFIXED = 3
    CASED = 4  # a UUID in capitals was another user than in lower case
    SHARDED = 6  # as LAYOUT_VERSION, with its directories in shards, which a version before does not know


PRESENT_LAYOUTS = (LAYOUT_VERSION, LayoutVersion.SHARDED)  # whichever a store began with
# What has begun and not ended, and how it is ended: until then nothing else may use the store.
UNFINISHED: Final = {
    LayoutVersion.RESTORING: (
        "this Redis holds a part of a backup: run the same `donebit restore` again, which completes it"
    ),
    LayoutVersion.BEING_CUT: (
        "the directories of this store are being cut in shards: run the same `donebit migrate "
        "--shard-directories` again, which completes it"
    ),
    LayoutVersion.TASKS_BEING_SHARDED: (
        "the tasks of this store are being moved into shards: run `donebit migrate`, which completes it"
    ),
}


def version_in(text: str) -> int:
    """The number of the layout that a store's own text names."""
    if text.startswith(RESTORING_TEXT):
        return LayoutVersion.RESTORING
    if text.startswith(CUTTING_TEXT):
        return LayoutVersion.BEING_CUT
    if text.startswith(SHARDING_TASKS):
        return LayoutVersion.TASKS_BEING_SHARDED
    text = unmarked(text)
    if not text:
        return LayoutVersion.EMPTY
    number = text.partition(" ")[0]
    return int(number) if number.isascii() and number.isdigit() else LayoutVersion.UNKNOWN


def shards_in(text: str) -> int | None:
    """In how many shards the directories are of a store with this text; None where it names no layout."""
    found = LAYOUT_TEXT.search(text)
    return int(found["shards"] or 1) if found else None


def in_shards(text: str, shards: int) -> str:
    """The layout of a store after its directories were cut in so many shards, from that before."""
    return LAYOUT_TEXT.sub(rf"{LayoutVersion.SHARDED:d} \g<segments> id_shards={shards} zone=", text)


def is_marked(text: str) -> bool:
    """Whether a store's own text says that its tasks are in shards."""
    return text.partition(" ")[0] == TASKS_IN_SHARDS


def unmarked(text: str) -> str:
    """A store's own text of its layout without a mark about its tasks; empty before the first visit."""
    mark, _, rest = text.partition(" ")
    return rest if mark in (TASKS_IN_SHARDS, SHARDING_TASKS) else text


def found_layout(mover: KeyMover, keys: Keys) -> int:
    """The number of the layout a store has, EMPTY where there is none, or UNKNOWN."""
    (present,) = mover.texts([keys.LAYOUT])
    if present is not None:
        return version_in(present)
    try:
        return _older_layout(mover)
    except exceptions.NoPermissionError:  # a user kept to the prefix has written nothing without it
        return LayoutVersion.EMPTY


def _older_layout(mover: KeyMover) -> int:
    (old,) = mover.texts([OLD_LAYOUT])
    if old is not None:
        return version_in(old)
    kinds = zip(mover.types(list(OLD_KEYS)), OLD_KEYS.values(), strict=True)
    if any(kind == old_kind for kind, old_kind in kinds) or mover.may_have(OLD_PERMISSIONS):
        return LayoutVersion.UNPREFIXED
    return LayoutVersion.EMPTY


def refuse_older_layout(mover: KeyMover, keys: Keys) -> None:
    """Refuse a store that an earlier version wrote.

    Raises:
        ConfigurationError: it has to be moved by `donebit migrate` first, or is too old for that; or a
            restore or a migration has not ended.
        StoreUnavailable: the server cannot be reached.
    """
    found = found_layout(mover, keys)
    if found in UNFINISHED:
        raise ConfigurationError(UNFINISHED[LayoutVersion(found)])
    if found in (LayoutVersion.UNPREFIXED, LayoutVersion.CASED):
        raise ConfigurationError(
            f"this Redis holds data of Donebit in layout {found:d}, and this version writes layout "
            f"{LAYOUT_VERSION}: stop every service and worker, then run `donebit migrate`"
        )
    if found < LayoutVersion.UNPREFIXED and found != LayoutVersion.EMPTY:
        (text,) = mover.texts([OLD_LAYOUT])
        raise ConfigurationError(
            f"this Redis holds activity in the layout {text!r}, and this version writes layout "
            f"{LAYOUT_VERSION}: use another database, or move the activity there (docs/backup.md)"
        )
