"""The worker's functions, which Celery calls with messages."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import Task as CeleryTask
from celery.exceptions import Reject, SecurityWarning
from celery.worker.request import Request

from done_app.worker import identity, permits
from done_app.worker import leases as worker_leases
from done_app.worker.monitor.monitor import Monitor
from done_app.worker.reconnect import CONSUMER, SCHEDULER
from done_app.worker.steps import fitness
from done_app.worker.steps.items import TypedItems
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.progress_lines import LineClock, lines_of
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.retry import read_until_answered
from done_app.worker.steps.runner import Runner
from donebit import config, logs, queue
from donebit.completion import announcing, fanout, handing_back, healing, leases, reading
from donebit.completion import permits as completion_permits
from donebit.completion.healing import ProbedState
from donebit.completion.items import ItemReader
from donebit.completion.leases import HeldSteps, Holder
from donebit.completion.measures import QUEUE_TIMES
from donebit.completion.permits import Limit
from donebit.completion.sweeping import SWEEPS_APART, Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import (
    BrokerUnavailable,
    ConfigurationError,
    DonebitError,
    NotFound,
    StoreUnavailable,
    stop_program,
)
from donebit.jobs.registry import Jobs, load_jobs
from donebit.publishing import publish_start
from donebit.queue import Publisher
from donebit.schedules.firing import Firer
from donebit.schedules.judging import Judge, Witness
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from donebit.workers import presence


class RetriedTask(CeleryTask):  # type: ignore[type-arg]  # its stubs alone take arguments
    """A worker function whose message is not dropped when the broker does not take it again."""

    def retry(self, *args: Any, **options: Any) -> Any:
        """Send the message again, later; give it back to its queue if it cannot be sent."""
        options.setdefault("queue", queue.queue_came_through(app, self.request.delivery_info or {}))
        try:
            return super().retry(*args, **options)
        except Reject as error:  # with which Celery would acknowledge it
            raise Reject(error.args[0], requeue=True) from error


# Celery retries what an outage interrupts, for as long as one is likely to last; what it gives up then, the
# sweep finds.
RETRY_OPTIONS: dict[str, Any] = {
    "base": RetriedTask,
    "autoretry_for": (StoreUnavailable, BrokerUnavailable),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 30,
}

log = logging.getLogger(__name__)
try:
    settings = config.load()
except ConfigurationError as error:  # one sentence, from the worker and from beat as from the services
    stop_program(error.detail)
app = queue.make_celery(settings)
# Beat's schedule is in memory: it is one line, and leaves no file.
app.conf.update(worker_consumer=CONSUMER, beat_scheduler=SCHEDULER)
publisher = Publisher(app)
monitor = Monitor(identity.name)
witness = Witness()  # of each process its own
line_clock = LineClock()  # made before the pool is forked, as its processes share it

# Containers and CI run as root; the step functions are the operator's own code either way.
warnings.filterwarnings("ignore", category=SecurityWarning)


@cache
def store() -> Store:
    """This process's own connection: a pool made before the fork must not be shared."""
    return Store.at(settings.redis_url, prefix=settings.key_prefix, connections=4, timeout=WORKER_TIMEOUT)


@cache
def jobs() -> Jobs:
    return load_jobs(settings)


@app.task(name=queue.DISPATCH, **RETRY_OPTIONS)
def dispatch(task_id: str, nonce: str, first: int) -> None:
    """Fan out a task's steps from `first` on. All of them only once, however many requests have piled up."""
    task = leases.find_task(store(), task_id, nonce)
    if task is None or not fanout.is_due(task, first):
        return
    if first or fanout.claim_fan_out(store(), task):
        with monitor.emitter.working_on(task_id):
            sent = fanout.fan_out(store(), task, publisher.run_slices, first)
            log.info("task %s is fanned out: %d steps in %d messages", task_id, task.missing_steps, sent)


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
        # Killed, since it had lost its permit, is no fault of the steps either.
        ending = worker_leases.board.is_ending or int(self.worker_pid or 0) in permits.killed
        try:
            leases.bury(store(), self.args[0], holder, ending=ending)
        except StoreUnavailable as error:
            log.warning(
                "the death of a process could not be recorded; its lease will expire: %s", error.in_full
            )


# An error that is no outage, such as the record of a newer version, may be this worker's alone: the message
# goes to the next, as those do that a worker is not fit for.
@app.task(
    name=queue.RUN_STEPS, bind=True, Request=StepsRequest, **{**RETRY_OPTIONS, "autoretry_for": (Exception,)}
)
def run_steps(message: Any, task_id: str, nonce: str, ranges: list[tuple[int, int]], careful: bool) -> None:  # noqa: FBT001 - JSON has no keywords
    """Run the missing steps of some ranges for a while; what remains goes to the tail of the queue.

    Steps that another living process runs are left to it: the broker gives a message to a second worker when
    the first has worked at it for an hour.
    """
    holder = worker_leases.own_holder(message.request.id)
    waited = queue.waited_seconds(message.request.headers)
    with released_on_error(task_id, holder):
        parts = [(start, stop) for start, stop in ranges]
        run_message(task_id, nonce, holder, parts, careful=careful, waited=waited)


@contextmanager
def released_on_error(task_id: str, holder: Holder) -> Iterator[None]:
    """Give a lease up when something is raised, as far as the store can be reached.

    The message comes again under its id, perhaps to another process, which would leave its steps to this one.
    An answer that got lost may have left a lease too. (What ends this process is noted by the main process.)
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, (StoreUnavailable, BrokerUnavailable)):
            log.exception("steps of task %s cannot be run now, and go back to the queue", task_id)
        with suppress(StoreUnavailable):
            leases.release(store(), task_id, holder)
        raise


def run_message(
    task_id: str, nonce: str, holder: Holder, parts: queue.Ranges, *, careful: bool, waited: float | None
) -> None:
    """Take the lease on a message's steps, run those that are missing, and send what is left to do.

    Args:
        waited: how long the message waited in its queue, in seconds; None where that is not known.
    """
    held = leases.take(store(), task_id, nonce, holder, parts)
    if held is None or held.task.spec.job is None or not held.ranges:
        return
    task = held.task
    if hand_back_unfit(task, held.ranges, careful=careful or held.died):
        leases.release(store(), task_id, holder)
        return
    limits = limits_of(task)
    with permits.held(store(), limits, holder) as may_run:
        if may_run:
            run_leased(held, holder, careful=careful, waited=waited)
            return
    pause = completion_permits.wait(store(), task)
    publisher.run_ranges(task, held.ranges, careful=careful or held.died, pause=pause)
    leases.release(store(), task_id, holder)


def limits_of(task: Task) -> list[Limit]:
    """How many steps may run at once, of a task and of its job as this worker has it."""
    name = task.spec.job or ""
    return completion_permits.limits_of(task, jobs().find(name).max_concurrency if name in jobs() else None)


def run_leased(held: HeldSteps, holder: Holder, *, careful: bool, waited: float | None) -> None:
    """Run the steps that this process holds and is permitted to run, and send what is left to do.

    Args:
        waited: as of `run_message`.
    """
    task = held.task
    with (
        monitor.emitter.working_on(task.id, held.ranges) as work,
        suppress(NotFound),
    ):  # deleted while it runs
        if waited is not None:
            work.tally.observe(QUEUE_TIMES, task.spec.job, waited)
        outcome = run_held(held, task.spec.job or "", holder.message_id, careful=careful)
        work.finished = len(outcome.done)
        outcome.write_counts(work.tally, task.spec.job)
        finish_message(task, holder, outcome, careful=careful)


def finish_message(task: Task, holder: Holder, outcome: RunOutcome, *, careful: bool) -> None:
    """Send what a run left to do, and then give the lease up, so that it is found if this is cut short."""
    if outcome.remaining:
        time.sleep(worker_leases.board.settles_in())
    left = bool(outcome.remaining or outcome.to_retry.ranges)
    opened = left and leases.open_to_others(store(), task.id, holder)
    handed_over = not opened and leases.release(store(), task.id, holder)
    send_remaining(task, outcome, careful=careful, handed_over=handed_over)
    if opened:
        leases.release(store(), task.id, holder)


def hand_back_unfit(task: Task, ranges: queue.Ranges, *, careful: bool) -> bool:
    """Send steps back for another worker if this one cannot run them, and return whether it did."""
    why = fitness.why_unfit(jobs(), task, monitor.worker_name)
    if why is None:
        return False
    fitness.log_unfit(task, why)
    pause = handing_back.hand_back(store(), task, why)
    publisher.run_ranges(task, ranges, careful=careful, pause=pause)
    return True


def run_held(held: HeldSteps, name: str, message_id: str, *, careful: bool) -> RunOutcome:
    """Run the missing steps that this process holds for a while.

    Args:
        name: of the job.
        message_id: of the message that they came with.
        careful: count each attempt before it is made.

    Returns:
        What was done, what failed, and what remains to be run: all of it when the worker is ending.
    """
    if worker_leases.board.is_ending:
        return RunOutcome(remaining=held.ranges)
    task, job = held.task, jobs().find(name)
    most = settings.max_result_bytes
    reporter = StoreStepReporter(
        store(), task, job.retry_policy, message_id=message_id, max_result_bytes=most
    )
    if held.died and queue.is_single(held.ranges):  # so this step was running when the process died
        reporter.attempt(held.ranges[0][0], made_already=True)
    with worker_leases.at_step() as position:
        runner = Runner(
            task,
            job,
            reporter,
            careful or held.died,
            position=position,
            board=worker_leases.board,
            max_result_bytes=settings.max_step_result_bytes,
            results=reading.parent_results(store(), task, read_until_answered),
            items=TypedItems(ItemReader(store(), task), job.item) if job.item else None,
        )
        outcome = runner.run(held.ranges)
    if outcome.report is not None:
        for line in lines_of(line_clock, outcome.done, outcome.report, task):
            log.info("%s", line)
    return outcome


def send_remaining(task: Task, outcome: RunOutcome, *, careful: bool, handed_over: bool) -> None:
    """Send messages for what a run left to do: announce the end, retry failed steps, run remaining ones.

    Args:
        handed_over: the main process has sent the remaining ones, as the worker is ending.
    """
    if outcome.ended:
        publisher.announce(task.id)
    if outcome.to_retry.ranges:
        publisher.run_ranges(task, outcome.to_retry.ranges, pause=outcome.retry_pause)
    if outcome.remaining and not handed_over:
        publisher.run_ranges(task, outcome.remaining, careful=careful)


@app.task(name=queue.ANNOUNCE, **RETRY_OPTIONS)
def announce(task_id: str) -> None:
    """Announce the end of a task."""
    with logs.task_context(task_id):
        announcing.announce(store(), task_id, tell_end)


def tell_end(task: Task) -> None:
    """Log the end of a task, and note it for the expectations that it meets."""
    announcing.log_end(task)
    witness.note(store(), task)


@app.task(name=queue.PROBE, **RETRY_OPTIONS)
def probe(task_id: str, nonce: str, progress_ms: int, heals: int, then: Sequence[str]) -> None:
    """Send missing steps again, once the probe has come through every queue that steps wait in.

    Args:
        progress_ms: time of the task's last progress when the probe was sent.
        heals: how often its steps had been sent again by then.
        then: the queues that the probe has still to pass.
    """
    task, seen = leases.find_task(store(), task_id, nonce), ProbedState(progress_ms, heals)
    if task is None or ProbedState.of(task) != seen:
        return
    if then:
        publisher.probe(task, then)
        return
    with monitor.emitter.working_on(task_id):
        if sent := healing.heal(store(), task, seen, publisher.run_slices_carefully):
            log.warning(
                "task %s made no progress: resending %d missing steps in %d messages",
                task_id,
                task.missing_steps,
                sent,
            )
            presence.record_heal(store(), task_id, task.missing_steps)


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Fire due schedules, and check every open task. What an outage prevents, the next sweep does."""
    ttls = TaskTtls.from_settings(settings)
    try:
        if not store().heartbeats.take_sweep(SWEEPS_APART):
            return
        Firer(store(), partial(publish_start, publisher), ttls).run()
        Judge(store(), partial(publish_start, publisher), ttls).run()
        Sweep(store(), publisher, ttls, partial(witness.note, store())).run()
        presence.record_heartbeat(store(), "sweep")
    except DonebitError as error:
        log.warning("the sweep is postponed: %s", error.in_full)
