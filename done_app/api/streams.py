"""The event streams: of one task, and of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_openapi3 import APIBlueprint

from done_app.api.answers import GONE
from done_app.api.models import EventsQuery, TaskPath
from donebit import clock
from donebit.completion import lifecycle
from donebit.completion.task import Task
from donebit.store import Store
from donebit.web.answers import Reply
from donebit.web.listener import Message, Table, Topic
from donebit.web.live import Feed
from donebit.web.task_summary import TaskSummary

ALL = "*"  # the topic of all tasks; no task can be named so
# A task may start and end between two reads: those created lately are looked at as well, for as long as
# clocks of different machines, and two reads, can be apart.
LATELY = timedelta(seconds=10)
RECORDS_AT_ONCE = 500
# Without a schema: it would be taken for one of each event.
EVENTS: dict[str, Any] = {"content": {"text/event-stream": {}}}


def add_streams(routes: APIBlueprint, store: Store, feed: Feed) -> None:
    """Both."""

    @routes.get("/tasks/<task_id>/events", responses={200: EVENTS, **GONE})
    def follow_task(path: TaskPath) -> Reply:
        """Server-sent events: the task now, then at each change, until it ends."""
        lifecycle.get_task(store, path.task_id)
        return feed.stream(path.task_id, last=has_ended)

    @routes.get("/events", responses={200: EVENTS})
    def follow_tasks(query: EventsQuery) -> Reply:
        """Server-sent events: each running task now, then each task that is new, changes or ends.

        A task that is deleted while it runs, or expires, is told as
        `{"task_id": .., "label": .., "deleted": true}`.
        """
        now = clock.now()
        return feed.stream(
            ALL,
            wanted=lambda told: query.label is None or told["label"] == query.label,
            opening=lambda told: runs(told) or ended_since(told, now),
        )


def has_ended(told: Message) -> bool:
    return told["ended_at"] is not None


def runs(told: Message) -> bool:
    return "deleted" not in told and not has_ended(told)


def ended_since(told: Message, moment: datetime) -> bool:
    return "deleted" not in told and has_ended(told) and datetime.fromisoformat(told["ended_at"]) >= moment


def is_settled(told: Message) -> bool:
    """Nothing of it changes any more, unless it is opened again."""
    return "deleted" in told or told["announced_at"] is not None


class Watch:
    """What the streams tell, read at a cost of what is open and what changes, however much exists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[Mapping[str, str], Message]] = {}

    def read(self, before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        """The table of each topic; of a task's own topic none when it is gone."""
        single, told = set(before) - {ALL}, before.get(ALL, {})
        opened, new = self._open_and_new() if ALL in before else (set(), set())
        unsettled = {name for name, message in told.items() if not is_settled(message)}
        looked_at = opened | unsettled | (new - set(told))
        now = self._messages(single | looked_at)
        tables: dict[Topic, Table] = {name: {name: now[name]} for name in single & set(now)}
        if ALL in before:
            kept = {name: told[name] for name in new & set(told)}
            gone = {name: deleted(told[name]) for name in unsettled - set(now)}
            tables[ALL] = kept | gone | {name: now[name] for name in looked_at & set(now)}
        return tables

    def _open_and_new(self) -> tuple[set[str], set[str]]:
        since = clock.now() - LATELY
        return self._store.tasks.open_and_new(int(since.timestamp() * 1e6))

    def _messages(self, names: set[str]) -> dict[str, Message]:
        """Each task that there is as events tell it; one whose record is as it was is not made anew."""
        known, self._known = self._known, {}
        for name, record in self._records(sorted(names)):
            same = name in known and known[name][0] == record
            if message := known[name][1] if same else task_event(name, record):
                self._known[name] = record, message
        return {name: message for name, (_, message) in self._known.items()}

    def _records(self, names: list[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        for first in range(0, len(names), RECORDS_AT_ONCE):
            some = names[first : first + RECORDS_AT_ONCE]
            yield from zip(some, self._store.tasks.records(some), strict=True)


def task_event(name: str, record: Mapping[str, str]) -> Message | None:
    """None for no task; and for one that cannot be read, of a newer version perhaps: the sweep says so."""
    try:
        return TaskSummary.of(Task.from_record(name, record)).model_dump()
    except (KeyError, TypeError, ValueError):
        return None


def deleted(told: Message) -> Message:
    return {"task_id": told["task_id"], "label": told["label"], "deleted": True}
