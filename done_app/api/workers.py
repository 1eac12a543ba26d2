"""The routes that tell of the workers: who is alive and at what, and what they said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import request
from flask_openapi3 import APIBlueprint, Tag

from done_app.api.models import LogAnswer, LogQuery
from done_app.api.streams import Watch
from donebit import clock
from donebit.config import Settings
from donebit.queue import QUEUES
from donebit.store import Store
from donebit.store.worker_log import MOST_LINES
from donebit.web.answers import Reply, answer
from donebit.web.listener import Table, Topic
from donebit.web.live import Feed
from donebit.web.problems import EVERYWHERE
from donebit.web.worker_lines import Later, tail
from donebit.web.workers_summary import LineSummary, WorkersSummary
from donebit.workers import log, presence

TAG = Tag(name="workers", description="Who runs the steps, and what they say")
LOG = "*log"  # the topic of the workers' lines; no task can be named so
JSON, EVENTS = "application/json", "text/event-stream"


def blueprint(store: Store, settings: Settings, feed: Feed) -> APIBlueprint:
    """The routes over this store."""
    routes = APIBlueprint("workers", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    queues = QUEUES if settings.broker == settings.redis_url else ()

    @routes.get("/workers", responses={200: WorkersSummary})
    def show_workers() -> Reply:
        """Who is alive, what each is at, what waits, how fast it goes, and what was healed."""
        now = clock.now()
        return answer(WorkersSummary.of(presence.look(store, queues, now), now))

    @routes.get("/workers/log", responses={200: LogAnswer})
    def show_log(query: LogQuery) -> Reply:
        """The workers' last lines, the oldest first; asked for as `text/event-stream`, and then each new one.

        About 10,000 lines are kept, for a day after the last, and a worker drops what it cannot keep at once:
        it is a window on the log, not the log.
        """
        if request.accept_mimetypes.best_match([JSON, EVENTS]) == EVENTS:
            return stream(store, feed, query)
        page = log.list_lines(store, task_id=query.task, limit=query.limit, after=query.after)
        return answer(LogAnswer(lines=[LineSummary.of(line) for line in page.lines], next=page.next))

    return routes


def stream(store: Store, feed: Feed, query: LogQuery) -> Reply:
    """The last lines, or all those after the one named, and then each new one."""
    limit = query.limit if query.after is None else 2 * MOST_LINES
    page = log.list_lines(store, task_id=query.task, limit=limit, after=query.after)
    first = {line.id: LineSummary.of(line).model_dump() for line in page.lines}
    return feed.stream(LOG, wanted=Later(page.next, query.task), first=first)


def watch(store: Store) -> Callable[[Mapping[Topic, Table]], Mapping[Topic, Table]]:
    """What all of the service's streams tell: of tasks, and of the workers' log."""
    tasks = Watch(store)

    def read(before: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        tables = dict(tasks.read({topic: table for topic, table in before.items() if topic != LOG}))
        if LOG in before:
            tables[LOG], _ = tail(store, before[LOG], next(reversed(dict(before[LOG])), None))
        return tables

    return read
