"""The view of the workers: who is alive and at what, what waits, and the tail of their log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit import clock
from donebit.queue import QUEUES
from donebit.web.listener import Message, Table
from donebit.web.worker_lines import tail
from donebit.web.workers_summary import WorkersSummary
from donebit.workers import presence
from trigger_app.pages.view import PageContext, View, attempt, page_route

NOW = "now"  # what the message of all but the lines is about
LINES = 300  # of the log, that a page begins with
SPARK_WIDTH, SPARK_HEIGHT = 118, 32  # of the drawing of throughput, two apart from second to second
LATELY_SECONDS = 5  # that the one figure of throughput is about


def add_routes(routes: Blueprint, ground: PageContext) -> None:
    @routes.get("/workers")
    @page_route(ground.settings)
    def workers() -> ResponseReturnValue:
        task_id = request.args.get("task", "").strip()
        table, away = attempt(lambda: read_workers(ground, task_id, {}))
        lines = dict(table or {})
        now = lines.pop(NOW, None)
        return render_template(
            "workers.html",
            here="/workers",
            now=now and now[NOW],
            lines=list(lines.values()),
            task_id=task_id,
            away=away,
            spark=spark,
            lately=lately,
            short=short,
            steps_of=steps_of,
            clock_ms=clock.now_ms(),
            settings=ground.settings,
        )


def read_workers(ground: PageContext, about: str, before: Table) -> Table:
    """How the workers are, and the last lines: all, or those about one task."""
    told = {line_id: line for line_id, line in before.items() if line_id != NOW}
    after = before[NOW][NOW]["next"] if before else None
    lines, following = tail(ground.store, told, after, task_id=about or None, window=LINES)
    return {NOW: {NOW: overview(ground) | {"next": following}}, **lines}


def overview(ground: PageContext) -> Message:
    queues = QUEUES if ground.settings.broker == ground.settings.redis_url else ()
    now = clock.now()
    return WorkersSummary.of(presence.read_presence(ground.store, queues, now), now).model_dump()


def spark(steps: Sequence[int]) -> str:
    """The points of a line over the last minute, as SVG has them; at the top is the most of it."""
    most = max(steps, default=0) or 1
    return " ".join(
        f"{2 * n},{SPARK_HEIGHT - 1 - count / most * (SPARK_HEIGHT - 2):.1f}" for n, count in enumerate(steps)
    )


def lately(steps: Sequence[int]) -> float:
    """Steps a second over the last seconds."""
    return sum(steps[-LATELY_SECONDS:]) / LATELY_SECONDS


def short(queue: str) -> str:
    return queue.removeprefix("donebit.")


def steps_of(at: Any) -> str:
    """Which steps a process is at, in words."""
    if not at["ranges"]:
        return "sends its steps"
    named = [str(start) if stop == start + 1 else f"{start}\u2013{stop - 1}" for start, stop in at["ranges"]]
    shown = sum(stop - start for start, stop in at["ranges"])
    more = f" and {at['steps'] - shown:,} more" if at["steps"] > shown else ""
    return f"step{'' if at['steps'] == 1 else 's'} {', '.join(named)}{more}"


VIEW = View("workers", "/workers", "Workers", add_routes, read_workers)
