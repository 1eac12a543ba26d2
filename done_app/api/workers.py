"""The routes about what tasks run on: the workers, their last log lines, and the nodes of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import request
from flask_openapi3 import APIBlueprint, Tag

from done_app.api.answer_models import LogAnswer
from done_app.api.models import LogQuery
from done_app.api.streams import TaskWatch
from donebit import clock
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.queue import QUEUES
from donebit.queue_lengths import lengths_elsewhere
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.listener import Table, Topic
from donebit.web.live import Feed
from donebit.web.nodes_summary import NodesSummary
from donebit.web.problems import EVERYWHERE
from donebit.web.worker_lines import Later, tail
from donebit.web.workers_summary import LineSummary, WorkersSummary
from donebit.workers import log, presence
from donebit.workers.nodes import read_nodes

TAG = Tag(name="workers", description="The workers that run steps, and their log lines")
LOG = "*log"  # the topic of the workers' lines; no task can be named so
JSON, EVENTS = "application/json", "text/event-stream"


def blueprint(store: Store, settings: Settings, feed: Feed) -> APIBlueprint:
    """The routes about the workers that report to this store."""
    routes = APIBlueprint("workers", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)
    queues = QUEUES if settings.broker_is_the_store else ()

    @routes.get("/workers", responses={200: WorkersSummary})
    def show_workers() -> Reply:
        """List the workers, what they run, queue lengths, throughput and recent resends."""
        now = clock.now()
        return answer(
            WorkersSummary.of(presence.read_presence(store, queues, now, lengths_elsewhere(settings)), now)
        )

    @routes.get("/nodes", responses={200: NodesSummary})
    def show_nodes() -> Reply:
        """List the nodes of a cluster: the slots of each primary, and the lag of its replicas."""
        return answer(NodesSummary.of(read_nodes(store)))

    @routes.get("/workers/log", responses={200: LogAnswer})
    def show_log(query: LogQuery) -> Reply:
        """Get the workers' last log lines, oldest first, or follow them as an event stream.

        With `Accept: text/event-stream` each later line follows as an event. About 10,000 lines are kept,
        for a day after the last one, and as many warnings and errors apart from them, for a week, which
        `level=warning` asks for. A worker drops lines that it cannot save in time: for a complete
        log, collect its standard output.
        """
        if request.accept_mimetypes.best_match([JSON, EVENTS]) == EVENTS:
            return stream(store, feed, query)
        return answer(log_page(store, query))

    return routes


def log_page(store: Store, query: LogQuery) -> LogAnswer:
    """Read the lines that are asked for."""
    page = log.list_lines(
        store,
        task_id=query.task,
        step=query.step,
        limit=query.limit,
        after=query.after,
        loud=query.level is not None,
    )
    return LogAnswer(lines=[LineSummary.of(line) for line in page.lines], next=page.next)


def stream(store: Store, feed: Feed, query: LogQuery) -> Reply:
    """Stream the last lines, or all after the one that the query names, and then each new one."""
    if query.level is not None:
        raise InvalidInput(
            "level is for lines that are kept; of a stream choose them by `level`", field="level"
        )
    limit = query.limit if query.after is None else 2 * log.MAX_LINES
    page = log.list_lines(store, task_id=query.task, step=query.step, limit=limit, after=query.after)
    first = {line.id: LineSummary.of(line).model_dump() for line in page.lines}
    return feed.stream(LOG, wanted=Later(page.next, query.task, query.step), first=first)


def table_reader(store: Store) -> Callable[[Mapping[Topic, Table]], Mapping[Topic, Table]]:
    """A function that reads what all of the service's streams send: tasks, and the workers' log lines."""
    tasks = TaskWatch(store)

    def read(previous: Mapping[Topic, Table]) -> Mapping[Topic, Table]:
        tables = dict(tasks.read({topic: table for topic, table in previous.items() if topic != LOG}))
        if LOG in previous:
            tables[LOG], _ = tail(store, previous[LOG], next(reversed(dict(previous[LOG])), None))
        return tables

    return read
