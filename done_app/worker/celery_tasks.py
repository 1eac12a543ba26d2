"""The worker's functions, which Celery calls with messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.worker.request import Request

from done_app.worker import identity, permits, step_messages, worker_app
from done_app.worker import leases as worker_leases
from done_app.worker.worker_app import RETRY_OPTIONS, app
from donebit import logs, queue
from donebit.completion import announcing, fanout, healing, leases
from donebit.completion.healing import ProbedState
from donebit.completion.leases import Holder
from donebit.completion.sweeping import MAX_TASKS_PER_SWEEP, Sweep, takes_turn
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import DonebitError, StoreUnavailable
from donebit.formatting import plural
from donebit.publishing import publish_start
from donebit.queue_lengths import read_lengths
from donebit.schedules.firing import Firer
from donebit.schedules.judging import Judge, Witness
from donebit.throttled_log import Intervals
from donebit.workers import presence

# An error that is no outage, such as the record of a newer version, may be this worker's alone: the message
# goes to the next, as those do that a worker is not fit for.
ANY_ERROR: dict[str, Any] = {**RETRY_OPTIONS, "autoretry_for": (Exception,)}

log = logging.getLogger(__name__)
witness = Witness()  # of each process its own
crowded = Intervals(timedelta(minutes=1))


@app.task(name=queue.DISPATCH, **RETRY_OPTIONS)
def dispatch(task_id: str, nonce: str, first: int) -> None:
    """Fan out a task's steps from `first` on. All of them only once, however many requests have piled up."""
    task = leases.find_task(worker_app.store(), task_id, nonce)
    if task is None or not fanout.is_due(task, first):
        return
    worker_app.describe(task)
    if first or fanout.claim_fan_out(worker_app.store(), task):
        with worker_app.monitor.emitter.working_on(task_id):
            sent = fanout.fan_out(worker_app.store(), task, worker_app.publisher.run_slices, first)
            log.info("task %s is fanned out: %s", task_id, sent_in_words(task, sent))


def sent_in_words(task: Task, messages: int, thing: str = "step") -> str:
    """Say how many steps were sent, for the log."""
    steps = task.missing_steps
    return f"{steps} {plural(steps, thing)} in {messages} {plural(messages, 'message')}"


class StepsRequest(Request):
    """A message with steps, in the worker's main process."""

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Note the death of the process at the message, before the message goes back to its queue."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # without its traceback's wrapper
        if isinstance(error, (WorkerLostError, SystemExit)):
            self.bury_lease()
        return super().on_failure(exc_info, *args, **kwargs)

    def bury_lease(self) -> None:
        holder = Holder(self.id, identity.name, int(self.worker_pid or 0))  # 0: it died before it had said so
        # That it had lost its permit is no fault of the steps either.
        ending = permits.was_ended_at(self.id) or worker_leases.board.is_ending
        try:
            leases.bury(worker_app.store(), self.args[0], holder, ending=ending)
        except StoreUnavailable as error:
            log.warning(
                "the death of a process could not be recorded; its lease will expire: %s", error.in_full
            )


@app.task(
    name=queue.RUN_STEPS,
    bind=True,
    Request=StepsRequest,
    **ANY_ERROR,
)
def run_steps(message: Any, task_id: str, nonce: str, ranges: list[tuple[int, int]], careful: bool) -> None:  # noqa: FBT001 - JSON has no keywords
    """Run the missing steps of some ranges for a while; what remains goes to the tail of the queue.

    Steps that another living process runs are left to it: the broker gives a message to a second worker when
    the first has worked at it for an hour.
    """
    holder = worker_leases.own_holder(message.request.id)
    waited = queue.waited_seconds(message.request.headers)
    with step_messages.released_on_error(task_id, holder):
        parts = [(start, stop) for start, stop in ranges]
        step_messages.run_message(task_id, nonce, holder, parts, careful=careful, waited=waited)


@app.task(name=queue.ANNOUNCE, **RETRY_OPTIONS)
def announce(task_id: str) -> None:
    """Announce the end of a task."""
    with logs.task_context(task_id):
        announcing.announce(worker_app.store(), task_id, tell_end)


def tell_end(task: Task) -> None:
    """Log the end of a task, and note it for the expectations that it meets."""
    worker_app.describe(task, **{"donebit.state": task.state})
    announcing.log_end(task)
    witness.note(worker_app.store(), task)


@app.task(name=queue.PROBE, **RETRY_OPTIONS)
def probe(task_id: str, nonce: str, progress_ms: int, heals: int, then: Sequence[str]) -> None:
    """Send missing steps again, once the probe has come through every queue that steps wait in.

    Args:
        progress_ms: time of the task's last progress when the probe was sent.
        heals: how often its steps had been sent again by then.
        then: the queues that the probe has still to pass.
    """
    task, seen = leases.find_task(worker_app.store(), task_id, nonce), ProbedState(progress_ms, heals)
    if task is None or ProbedState.of(task) != seen:
        return
    worker_app.describe(task)
    if then:
        worker_app.publisher.probe(task, then)
        return
    with worker_app.monitor.emitter.working_on(task_id):
        if sent := healing.heal(worker_app.store(), task, seen, worker_app.publisher.run_slices_carefully):
            log.warning(
                "task %s made no progress: resending %s", task_id, sent_in_words(task, sent, "missing step")
            )
            presence.record_heal(worker_app.store(), task_id, task.missing_steps)


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Fire due schedules, and check every open task. What an outage prevents, the next sweep does."""
    ttls = TaskTtls.from_settings(worker_app.settings)
    try:
        if not takes_turn(worker_app.store()):
            return
        publish = partial(publish_start, worker_app.publisher)
        Firer(worker_app.store(), publish, ttls, worker_app.quotas().has_task_room).run()
        Judge(worker_app.store(), publish, ttls).run()
        check_open_tasks(ttls)
        presence.record_heartbeat(worker_app.store(), "sweep")
    except DonebitError as error:
        log.warning("the sweep is postponed: %s", error.in_full)


def check_open_tasks(ttls: TaskTtls) -> None:
    """Check the open tasks, unless as many messages wait as that may send: these may be among them."""
    lengths = read_lengths(worker_app.store(), worker_app.settings, (queue.CONTROL,)) or {}
    if (waiting := lengths.get(queue.CONTROL, 0)) >= MAX_TASKS_PER_SWEEP:
        if crowded.is_due(queue.CONTROL):
            log.warning(
                "%d messages wait in %s: open tasks are checked once there are fewer than %d",
                waiting,
                queue.CONTROL,
                MAX_TASKS_PER_SWEEP,
            )
        return
    Sweep(worker_app.store(), worker_app.publisher, ttls, partial(witness.note, worker_app.store())).run()
