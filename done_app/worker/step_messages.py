"""What becomes of a message with steps: they are held, run, and what is left of them is sent on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from done_app.worker import leases as worker_leases
from done_app.worker import permits, worker_app
from done_app.worker.steps import fitness
from done_app.worker.steps.folder import folder_kept
from done_app.worker.steps.items import TypedItems
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.progress_lines import LineClock, lines_of
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.retry import read_until_answered
from done_app.worker.steps.runner import Runner
from donebit import logs, queue
from donebit.completion import handing_back, leases, reading
from donebit.completion import permits as completion_permits
from donebit.completion.items import ItemReader
from donebit.completion.leases import HeldSteps, Holder
from donebit.completion.permits import Limit
from donebit.completion.task import Task
from donebit.errors import BrokerUnavailable, NotFound, StoreUnavailable
from donebit.retry_policy import RetryPolicy

log = logging.getLogger(__name__)
line_clock = LineClock()  # made before the pool is forked, as its processes share it


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
            leases.release(worker_app.store(), task_id, holder)
        raise


def run_message(
    task_id: str, nonce: str, holder: Holder, parts: queue.Ranges, *, careful: bool, waited: float | None
) -> None:
    """Take the lease on a message's steps, run those that are missing, and send what is left to do.

    Args:
        waited: how long the message waited in its queue, in seconds; None where that is not known.
    """
    held = leases.take(worker_app.store(), task_id, nonce, holder, parts)
    if held is None or held.task.spec.job is None or not held.ranges:
        return
    task, careful = held.task, careful or held.died
    if hand_back_unfit(task, held.ranges, careful=careful):
        leases.release(worker_app.store(), task_id, holder)
        return
    limits = limits_of(task)
    with permits.held(worker_app.store(), limits, holder) as may_run:
        if may_run:
            run_leased(held, holder, careful=careful, waited=waited)
            return
    pause = completion_permits.wait(worker_app.store(), task)
    worker_app.publisher.run_ranges(task, held.ranges, careful=careful, pause=pause)
    leases.release(worker_app.store(), task_id, holder)


def limits_of(task: Task) -> list[Limit]:
    """How many steps may run at once, of a task and of its job as this worker has it."""
    name = task.spec.job or ""
    return completion_permits.limits_of(
        task, worker_app.jobs().find(name).max_concurrency if name in worker_app.jobs() else None
    )


def run_leased(held: HeldSteps, holder: Holder, *, careful: bool, waited: float | None) -> None:
    """Run the steps that this process holds and is permitted to run, and send what is left to do.

    Args:
        waited: as of `run_message`.
    """
    task = held.task
    worker_app.describe(task)
    with (
        worker_app.monitor.emitter.working_on(task.id, held.ranges) as work,
        suppress(NotFound),
    ):  # deleted while it runs
        outcome = run_held(held, task.spec.job or "", holder, careful=careful)
        work.counts = outcome.counts(task.spec.job, waited)
        finish_message(task, holder, outcome, careful=careful)


def finish_message(task: Task, holder: Holder, outcome: RunOutcome, *, careful: bool) -> None:
    """Send what a run left to do, and then give the lease up, so that it is found if this is cut short."""
    if outcome.remaining:
        time.sleep(worker_leases.board.settles_in())
    opened = outcome.leaves_steps and leases.open_to_others(worker_app.store(), task.id, holder)
    handed_over = not (opened or outcome.released) and leases.release(worker_app.store(), task.id, holder)
    send_remaining(task, outcome, careful=careful, handed_over=handed_over)
    if opened:
        leases.release(worker_app.store(), task.id, holder)


def hand_back_unfit(task: Task, ranges: queue.Ranges, *, careful: bool) -> bool:
    """Send steps back for another worker if this one cannot run them, and return whether it did."""
    why = fitness.why_unfit(worker_app.jobs(), task, worker_app.monitor.worker_name)
    if why is None:
        return False
    hand_back(task, ranges, why, careful=careful)
    return True


def hand_back(task: Task, ranges: queue.Ranges, why: str, *, careful: bool) -> None:
    """Send steps back for another worker.

    Args:
        why: this one cannot run them.
    """
    fitness.log_unfit(task, why)
    pause = handing_back.hand_back(worker_app.store(), task, why)
    worker_app.publisher.run_ranges(task, ranges, careful=careful, pause=pause)


def run_held(held: HeldSteps, name: str, holder: Holder, *, careful: bool) -> RunOutcome:
    """Run the missing steps that this process holds for a while.

    Args:
        name: of the job.
        holder: of the lease on them.
        careful: count each attempt before it is made.

    Returns:
        What was done, what failed, and what remains to be run: all of it when the worker is ending.
    """
    if worker_leases.board.is_ending:
        return RunOutcome(remaining=held.ranges)
    task, job = held.task, worker_app.jobs().find(name)
    reporter = reporter_of(held, job.retry_policy, holder)
    if held.died and queue.is_single(held.ranges):  # so this step was running when the process died
        reporter.attempt(held.ranges[0][0], made_already=True)
    with worker_leases.at_step() as position, folder_kept():
        runner = Runner(
            task,
            job,
            reporter,
            careful,
            position=position,
            board=worker_leases.board,
            max_result_bytes=worker_app.settings.max_step_result_bytes,
            results=reading.parent_results(worker_app.store(), task, read_until_answered),
            items=TypedItems(ItemReader(worker_app.store(), task), job.item) if job.item else None,
        )
        outcome = runner.run(held.ranges)
    log_progress(task, outcome)
    return outcome


def reporter_of(held: HeldSteps, policy: RetryPolicy, holder: Holder) -> StoreStepReporter:
    return StoreStepReporter(
        worker_app.store(),
        held.task,
        policy,
        holder=holder,
        max_result_bytes=worker_app.settings.max_result_bytes,
        known_missing=held.missing,
    )


def log_progress(task: Task, outcome: RunOutcome) -> None:
    """Log what was done, in a line a step or one in all."""
    if outcome.report is None:
        return
    for text, step in lines_of(line_clock, outcome.done, outcome.report, task):
        logs.inform(log, text, step)


def send_remaining(task: Task, outcome: RunOutcome, *, careful: bool, handed_over: bool) -> None:
    """Send messages for what a run left to do: announce the end, retry failed steps, run remaining ones.

    Args:
        handed_over: the main process has sent those that were not run, as the worker is ending.
    """
    if outcome.ended:
        worker_app.publisher.announce(task.id)
    if outcome.to_retry.ranges:
        worker_app.publisher.run_ranges(task, outcome.to_retry.ranges, pause=outcome.retry_pause)
    if outcome.remaining and not handed_over:
        worker_app.publisher.run_ranges(task, outcome.remaining, careful=careful)
    if outcome.unfit.ranges and not handed_over:
        why = fitness.why_unfit_item(outcome.why_unfit, worker_app.monitor.worker_name)
        hand_back(task, outcome.unfit.ranges, why, careful=careful)
