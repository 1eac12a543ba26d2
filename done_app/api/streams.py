"""The event streams of one task and of all tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_openapi3 import APIBlueprint

from done_app.api.answers import GONE
from done_app.api.models import EventsQuery, TaskPath
from donebit import clock
from donebit.completion import lifecycle, listing
from donebit.completion.task import Task
from donebit.store import Store
from donebit.web.answers import Reply
from donebit.web.listener import Message, Table, Topic
from donebit.web.live import Feed
from donebit.web.task_summary import TaskSummary

ALL = "*"  # the topic of all tasks; no task can be named so
# A task may start and end between two reads: tasks created within this time are read as well. It covers the
# time between two reads and the difference between the clocks of two machines.
RECENT = timedelta(seconds=10)
# Without a schema: tools would take it for the schema of a single event.
EVENTS: dict[str, Any] = {"content": {"text/event-stream": {}}}


def add_streams(routes: APIBlueprint, store: Store, feed: Feed) -> None:
    """Add the event streams of one task and of all tasks."""

    @routes.get("/tasks/<task_id>/events", responses={200: EVENTS, **GONE})
    def follow_task(path: TaskPath) -> Reply:
        """Follow a task as server-sent events until it ends: its state now, then each change."""
        lifecycle.get_task(store, path.task_id)
        return feed.stream(path.task_id, last=has_ended)

    @routes.get("/events", responses={200: EVENTS})
    def follow_tasks(query: EventsQuery) -> Reply:
        """Follow all tasks as server-sent events: running tasks now, then new, changed and ended ones.

        A task that expires, or is deleted while it runs, is sent as
        `{"task_id": .., "label": .., "deleted": true}`.
        """
        now = clock.now()
        return feed.stream(
            ALL,
            wanted=lambda message: query.label is None or message["label"] == query.label,
            opening=lambda message: is_running(message) or ended_since(message, now),
        )


def has_ended(message: Message) -> bool:
    return message["ended_at"] is not None


def is_running(message: Message) -> bool:
    return "deleted" not in message and not has_ended(message)


def ended_since(message: Message, moment: datetime) -> bool:
    if "deleted" in message or not has_ended(message):
        return False
    return datetime.fromisoformat(message["ended_at"]) >= moment


def is_settled(message: Message) -> bool:
    """Whether the task cannot change any more, unless it is resumed."""
    return "deleted" in message or message["announced_at"] is not None


class TaskWatch:
    """Reads what the task streams send. The cost grows with open and changed tasks, not with all tasks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[Mapping[str, str], Message]] = {}

    def read(self, previous: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        """Read the table of each topic: messages by task id.

        Args:
            previous: the tables of the last read, by topic.

        Returns:
            The tables now; a single task's topic has none when the task is gone.
        """
        single, sent = set(previous) - {ALL}, previous.get(ALL, {})
        opened, new = self._open_and_new() if ALL in previous else (set(), set())
        unsettled = {name for name, message in sent.items() if not is_settled(message)}
        to_read = opened | unsettled | (new - set(sent))
        now = self._messages(single | to_read)
        tables: dict[Topic, Table] = {name: {name: now[name]} for name in single & set(now)}
        if ALL in previous:
            unchanged = {name: sent[name] for name in new & set(sent)}
            gone = {name: deleted(sent[name]) for name in unsettled - set(now)}
            tables[ALL] = unchanged | gone | {name: now[name] for name in to_read & set(now)}
        return tables

    def _open_and_new(self) -> tuple[set[str], set[str]]:
        return listing.open_and_new(self._store, clock.now() - RECENT)

    def _messages(self, names: set[str]) -> dict[str, Message]:
        """The message of each existing task; one whose record has not changed is not built again."""
        known, self._known = self._known, {}
        for name, record in listing.iterate_records(self._store, sorted(names)):
            same = name in known and known[name][0] == record
            if message := known[name][1] if same else task_event(name, record):
                self._known[name] = record, message
        return {name: message for name, (_, message) in self._known.items()}


def task_event(name: str, record: Mapping[str, str]) -> Message | None:
    """A task as events send it.

    Returns:
        None for an empty record, and for one that cannot be parsed, perhaps because a newer version wrote
        it: the sweep logs that.
    """
    try:
        return TaskSummary.of(Task.from_record(name, record)).model_dump()
    except (KeyError, TypeError, ValueError):
        return None


def deleted(message: Message) -> Message:
    return {"task_id": message["task_id"], "label": message["label"], "deleted": True}
