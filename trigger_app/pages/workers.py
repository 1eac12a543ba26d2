"""The workers' page: which are alive, what they do, what waits, the store's nodes, and the workers' log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit import clock
from donebit.queue import QUEUES
from donebit.queue_lengths import lengths_elsewhere
from donebit.web.listener import Message, Table
from donebit.web.nodes_summary import NodesSummary
from donebit.web.worker_lines import tail
from donebit.web.workers_summary import WorkersSummary
from donebit.workers import presence
from donebit.workers.nodes import read_nodes
from trigger_app.pages.fragments import fragment
from trigger_app.pages.view import PageContext, View, attempt, page_route

NOW = "now"  # the key of the message about the workers
NODES = "nodes"  # of that about the nodes of a cluster
LINES = 300  # of the log, that a page begins with
SPARK_WIDTH, SPARK_HEIGHT = 118, 32  # of the drawing of throughput, two apart from second to second
STEP = re.compile(r"[0-9]{1,10}")
LATELY_SECONDS = 5  # over which the one figure of throughput is taken


def add_routes(routes: Blueprint, context: PageContext) -> None:
    @routes.get("/workers")
    @page_route(context.settings)
    def workers() -> ResponseReturnValue:
        task_id = request.args.get("task", "").strip()
        step = request.args.get("step", "").strip() if task_id else ""
        table, away = attempt(lambda: read_workers(context, f"{task_id} {step}".strip(), {}))
        if table is None:  # the other nodes of a cluster know who is away
            table, _ = attempt(lambda: draw_nodes(context))
        lines = dict(table or {})
        return render_template(
            "workers.html",
            here="/workers",
            now=lines.pop(NOW, None),
            nodes=lines.pop(NODES, None),
            lines=list(lines.values()),
            task_id=task_id,
            step=step,
            away=away,
            settings=context.settings,
        )


def read_workers(context: PageContext, about: str, before: Table) -> Table:
    """Read how the workers are and the last lines of their log, each drawn as HTML.

    Args:
        about: the task whose lines are read, or a step of it as `nightly 3`; empty for all
        before: what the last call returned; its lines are not drawn again
    """
    after = before[NOW]["next"] if before else None
    task_id, step = parse_about(about)
    new, following = tail(context.store, {}, after, task_id=task_id, step=step, window=LINES)
    lines = {line_id: line for line_id, line in before.items() if line_id not in (NOW, NODES)}
    lines |= {line_id: draw_line(line) for line_id, line in new.items()}
    now = draw_workers(context) | {"next": following}
    return {NOW: now, **draw_nodes(context), **dict(list(lines.items())[-LINES:])}


def parse_about(about: str) -> tuple[str | None, int | None]:
    """The task and the step that lines are asked for about."""
    task_id, _, step = about.rpartition(" ")
    if task_id and STEP.fullmatch(step):
        return task_id, int(step)
    return about or None, None


def draw_nodes(context: PageContext) -> Mapping[str, Message]:
    """Draw the nodes of a cluster; nothing where the store is one server."""
    found = NodesSummary.of(read_nodes(context.store)).model_dump()
    return {NODES: fragment("nodes", **found)} if found["nodes"] else {}


def draw_line(line: Message) -> Message:
    return {"id": line["id"], **fragment("line", line=line)}


def draw_workers(context: PageContext) -> Message:
    queues = QUEUES if context.settings.broker_is_the_store else ()
    moment = clock.now()
    elsewhere = lengths_elsewhere(context.settings)
    found = presence.read_presence(context.store, queues, moment, elsewhere)
    now = WorkersSummary.of(found, moment).model_dump()
    alive = [worker for worker in now["workers"] if worker["alive"]]
    processes = [process for worker in alive for process in worker["at"]]
    return fragment(
        "workers",
        root=context.settings.trigger_prefix,
        now=now,
        alive=alive,
        processes=len(processes),
        busy=sum(process["task_id"] is not None for process in processes),
        spark=spark(now["steps_by_second"]),
        steps_per_second=lately(now["steps_by_second"]),
    )


def spark(steps: Sequence[int]) -> str:
    """Return the points of a line over the last minute for SVG, the highest count at the top."""
    most = max(steps, default=0) or 1
    return " ".join(
        f"{2 * n},{SPARK_HEIGHT - 1 - count / most * (SPARK_HEIGHT - 2):.1f}" for n, count in enumerate(steps)
    )


def lately(steps: Sequence[int]) -> float:
    """Return the steps per second over the last seconds, from the counts of each second."""
    return sum(steps[-LATELY_SECONDS:]) / LATELY_SECONDS


VIEW = View("workers", "/workers", "Workers", add_routes, read_workers)
