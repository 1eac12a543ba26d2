"""Expectations as a whole: make, change, delete, list."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

from donebit import clock
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.readable import UNREADABLE, readable
from donebit.schedules.changes import checked_schedule_name
from donebit.schedules.expectation import (
    LONGEST_WITHIN,
    SHORTEST_WITHIN,
    Expectation,
    ExpectationSpec,
)
from donebit.schedules.listed import ListedTasks
from donebit.store import Store

MOST_EXPECTATIONS = 1000  # each is compared with each task that ends


class SavedExpectation(NamedTuple):
    """An expectation that was asked for, and whether this call made it."""

    expectation: Expectation
    fresh: bool


def put(store: Store, name: str, spec: ExpectationSpec) -> SavedExpectation:
    """Make an expectation, or change the one of this name, which is then met until its next deadline.

    A paused one stays paused.

    Raises:
        InvalidInput: the name is not valid, it means no tasks, or its time is out of bounds.
        Conflict: there are as many as can be.
    """
    check(name, spec)
    before = store.expectations.read([name])[0]
    for known in readable(Expectation.from_fields, [(name, before)]):
        if known.spec == spec:
            return SavedExpectation(known, fresh=False)
    if not before and store.expectations.count() >= MOST_EXPECTATIONS:
        raise Conflict(f"there are {MOST_EXPECTATIONS} expectations, which is the most; delete one first")
    now = clock.now()
    now_ms = clock.ms_since_epoch(now)
    fields = {"spec": spec.as_text(), "created_at": now_ms, **new_version()}
    store.expectations.forget_seen(name)  # it may mean other tasks now
    store.expectations.write_schedule(
        name, "any", fields, least_mark_ms=now_ms, remove=["missed_at", "missed"]
    )
    store.expectations.forget_seen(name)  # what was noted meanwhile
    saved = get(store, name)
    note_listed(store, saved, now - spec.within, ListedTasks())
    return SavedExpectation(saved, not before)


def check(name: str, spec: ExpectationSpec) -> None:
    """Refuse what means no tasks or looks back too far.

    Raises:
        InvalidInput: it does.
    """
    checked_schedule_name(name)
    if not (spec.label or spec.job or spec.prefix):
        raise InvalidInput("label, job or prefix must say which tasks are meant", field="label")
    if not SHORTEST_WITHIN <= spec.within <= LONGEST_WITHIN or spec.within % SHORTEST_WITHIN:
        given, longest = (f"{one.total_seconds():.15g}" for one in (spec.within, LONGEST_WITHIN))
        raise InvalidInput(
            f"within is {given}; it must be 60 to {longest} seconds, in whole minutes", field="within"
        )


def note_listed(store: Store, one: Expectation, since: datetime, listed: ListedTasks) -> None:
    """Note when tasks met an expectation that are listed, as far as they can be found.

    They are those that ended before it was made, or whose end is not announced yet.
    """
    found = listed.meant_by(store, one.spec)
    moments = (at for task in found if (at := one.spec.moment_of(task)) and at >= since)
    for at in sorted(set(map(minute_of, moments))):
        note(store, one, at)


def note(store: Store, one: Expectation, minute: datetime) -> None:
    """Note that a task met an expectation in a minute, unless that was changed or deleted since it was read.

    Of those between two deadlines the last says all: the one before is dropped, so that what is kept reaches
    back by as many deadlines as minutes are kept.
    """
    ms, timing = clock.ms_since_epoch(minute), one.spec.timing
    before = store.expectations.last_seen(one.name, ms)
    is_useless = before is not None and timing.after(clock.moment_of_ms(before)) == timing.after(minute)
    created_ms = clock.ms_since_epoch(one.created_at)
    store.expectations.note_seen(one.name, created_ms, ms, before if is_useless else None)


def minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def pause(store: Store, name: str) -> Expectation:
    """Pause an expectation: no deadline is judged until it is resumed. One that is paused stays so.

    Raises:
        NotFound: no such expectation.
    """
    store.expectations.write_schedule(name, "running", {"paused_at": clock.now_ms(), **new_version()})
    return get(store, name)


def resume(store: Store, name: str) -> Expectation:
    """Resume a paused expectation. Deadlines that have passed meanwhile are not judged.

    Raises:
        NotFound: no such expectation.
    """
    now_ms = clock.now_ms()
    store.expectations.write_schedule(
        name, "paused", new_version(), least_mark_ms=now_ms, remove=["paused_at"]
    )
    return get(store, name)


def new_version() -> dict[str, str | int]:
    """A field by which a look that is under way sees that the expectation has changed."""
    return {"version": secrets.token_hex(8)}


def delete(store: Store, name: str) -> None:
    """Delete an expectation.

    Raises:
        NotFound: no such expectation.
    """
    if not store.expectations.delete(name):
        raise unknown_expectation(name)
    store.expectations.forget_seen(name)


def get(store: Store, name: str) -> Expectation:
    """Read an expectation.

    Raises:
        NotFound: no such expectation.
        Conflict: it cannot be read here.
    """
    if not (fields := store.expectations.read([name])[0]):
        raise unknown_expectation(name)
    try:
        return Expectation.from_fields(name, fields)
    except UNREADABLE as error:
        raise Conflict(f"expectation {name} cannot be read here: {error}; PUT replaces it") from error


def list_expectations(store: Store) -> list[Expectation]:
    """All expectations by name, but those that cannot be read: each look at one of these logs it.

    They are read as every task ends, whose announcement must not depend on one that a later version wrote.
    """
    names = store.expectations.names()
    found = zip(names, store.expectations.read(names), strict=True)
    return list(readable(Expectation.from_fields, found))


def unknown_expectation(name: str) -> NotFound:
    return NotFound(f"no expectation is named {name}", field="name")
