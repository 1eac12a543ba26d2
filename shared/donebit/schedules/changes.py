"""Schedules as a whole: make, change, pause, resume, delete, list."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from donebit import clock
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.names import checked_name
from donebit.readable import UNREADABLE, readable
from donebit.schedules.schedule import (
    LONGEST_NAME,
    Schedule,
    ScheduleSpec,
    gaps_as_text,
)
from donebit.store import Store

MOST_SCHEDULES = 10_000


class Saved(NamedTuple):
    """A schedule that was asked for, and whether this call made it."""

    schedule: Schedule
    fresh: bool


def create(store: Store, name: str, spec: ScheduleSpec, *, paused: bool = False) -> Saved:
    """Make a schedule, or find the one that has this name and the same spec.

    Its first firing is the first one after now.

    Raises:
        InvalidInput: the name is not valid.
        Conflict: there is another of this name, or there are as many as can be.
    """
    checked_schedule_name(name)
    if store.schedules.count() >= MOST_SCHEDULES and not store.schedules.read([name])[0]:
        raise Conflict(f"there are {MOST_SCHEDULES} schedules, which is the most; delete one first")
    fields = _first_fields(spec, paused=paused)
    fresh = store.schedules.write_schedule(name, "absent", fields, least_mark_ms=clock.now_ms())
    schedule = get(store, name)
    if schedule.spec != spec:
        raise Conflict(f"schedule {name} exists, and is another; PUT changes it", field="name")
    return Saved(schedule, fresh)


def replace(store: Store, name: str, spec: ScheduleSpec) -> Saved:
    """Change a schedule, or make it. A paused one stays paused.

    Where its times change, its next firing is the first one after now: a time that was none before is not
    missed.

    Raises:
        InvalidInput: the name is not valid.
        Conflict: there are as many as can be.
    """
    checked_schedule_name(name)
    before = store.schedules.read([name])[0]
    if not before:
        try:
            return create(store, name, spec)
        except Conflict:
            if not (before := store.schedules.read([name])[0]):
                raise
    moved = [one.spec.timing for one in readable_schedules([(name, before)])] != [spec.timing]
    now_ms = clock.now_ms()
    store.schedules.write_schedule(
        name,
        "present",
        {"spec": spec.as_text(), "version": secrets.token_hex(8), "changed_at": now_ms},
        least_mark_ms=now_ms if moved else None,
        remove=["queued", "gaps"] if moved else [],
    )
    return Saved(get(store, name), fresh=False)


def _first_fields(spec: ScheduleSpec, *, paused: bool) -> dict[str, str | int]:
    now_ms = clock.now_ms()
    fields: dict[str, str | int] = {"created_at": now_ms, "changed_at": now_ms}
    if paused:
        fields["paused_at"] = now_ms
    return {"spec": spec.as_text(), "version": secrets.token_hex(8), **fields}


def pause(store: Store, name: str) -> Schedule:
    """Pause a schedule: nothing fires until it is resumed. One that is paused stays so.

    Raises:
        NotFound: no such schedule.
    """
    store.schedules.write_schedule(name, "running", {"paused_at": clock.now_ms()})
    return get(store, name)


def resume(store: Store, name: str) -> Schedule:
    """Resume a paused schedule. What was due meanwhile is not made up for. One that runs stays as it is.

    Firings that waited for the last task as it was paused wait on.

    Raises:
        NotFound: no such schedule.
        Conflict: it cannot be read here.
    """
    now_ms, schedule = clock.now_ms(), get(store, name)
    fields: dict[str, str | int] = {"version": secrets.token_hex(8)}
    if schedule.queued(1):
        paused = (schedule.queued_until or schedule.mark, clock.moment_of_ms(now_ms))
        fields |= {"queued": now_ms, "gaps": gaps_as_text([*schedule.gaps, paused])}
        store.schedules.write_schedule(name, "paused", fields, remove=["paused_at"])
    else:
        gone = ["paused_at", "queued", "gaps"]
        store.schedules.write_schedule(name, "paused", fields, least_mark_ms=now_ms, remove=gone)
    return get(store, name)


def delete(store: Store, name: str) -> None:
    """Delete a schedule. The tasks that it has started stay.

    Raises:
        NotFound: no such schedule.
    """
    if not store.schedules.delete(name):
        raise unknown_schedule(name)


def get(store: Store, name: str) -> Schedule:
    """Read a schedule.

    Raises:
        NotFound: no such schedule.
        Conflict: it cannot be read here.
    """
    if not (fields := store.schedules.read([name])[0]):
        raise unknown_schedule(name)
    try:
        return Schedule.from_fields(name, fields)
    except UNREADABLE as error:
        raise Conflict(f"schedule {name} cannot be read here: {error}; PUT replaces it") from error


def readable_schedules(found: Iterable[tuple[str, Mapping[str, str]]]) -> list[Schedule]:
    """The schedules of these names and fields, but those that cannot be read: each look at one logs it."""
    return list(readable(Schedule.from_fields, found))


def list_schedules(store: Store, *, after: str = "", limit: int = MOST_SCHEDULES) -> list[Schedule]:
    """Schedules by their names, but those that cannot be read.

    Args:
        after: only those whose names follow this one.
        limit: how many at most, 1 or more.
    """
    names = [name for name in store.schedules.names() if name > after]
    found: list[Schedule] = []
    # Of a name that was deleted or cannot be read nothing comes: the list must not end there, as if there
    # were no more.
    while names and len(found) < limit:
        part, names = names[:limit], names[limit:]
        found += readable_schedules(zip(part, store.schedules.read(part), strict=True))
    return found[:limit]


def checked_schedule_name(name: str) -> None:
    """Refuse a name that is none, or too long for the time to follow it in the id of a task.

    Raises:
        InvalidInput: it is so.
    """
    checked_name(name, "name")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(
            f"name is {len(name)} characters long; at most {LONGEST_NAME}, as task ids add the time to it",
            field="name",
        )


def unknown_schedule(name: str) -> NotFound:
    return NotFound(f"no schedule is named {name}", field="name")
