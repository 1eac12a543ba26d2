"""Records the failed attempts of a run's steps: they are reported, added to its outcome, and logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from done_app.worker.steps.outcome import RunOutcome, StepReporter
from done_app.worker.steps.raised import describe_traceback
from donebit import logs
from donebit.completion.failing import Failure
from donebit.completion.task import Task
from donebit.exceptions import name_of
from donebit.formatting import count_of
from donebit.jobs.registry import Job
from donebit.traces import traces

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """Records those of one run."""

    task: Task
    job: Job
    reporter: StepReporter
    outcome: RunOutcome

    def record(
        self, step: int, error: str, *, counted: bool, last: bool, raised: BaseException | None
    ) -> None:
        """Record a failed attempt. A traceback that can be printed is logged once, when the step gives up.

        Args:
            error: what went wrong.
            counted: the attempt is counted already.
            last: the step gives up, however many attempts it has left.
            raised: what it raised; None if it raised nothing.
        """
        traceback = describe_traceback(raised)
        failure = self.reporter.failed(step, error, count_attempt=not counted, last=last, traceback=traceback)
        self.outcome.add_failure(step, failure)
        self._trace(step, error, failure, raised, traceback)
        with logs.step_context([step]):
            self._log(step, error, failure, raised if traceback else None)

    def _log(self, step: int, error: str, failure: Failure, raised: BaseException | None) -> None:
        if failure.gave_up:
            log.error(
                "step %d of task %s failed for good after %s: %s",
                step,
                self.task.id,
                count_of(failure.attempts, "attempt"),
                error,
                exc_info=raised,
            )
        elif failure.attempts:
            self._log_retry(step, error, failure)
        else:
            log.warning(
                "step %d of task %s failed, but it has ended or its task has: %s", step, self.task.id, error
            )

    def _trace(
        self, step: int, error: str, failure: Failure, raised: BaseException | None, traceback: str
    ) -> None:
        traces.record_exception(
            {
                "exception.type": name_of(type(raised)) if raised else "StepFailed",
                "exception.message": error,
                "exception.stacktrace": traceback,
                "donebit.step": step,
                "donebit.attempts": failure.attempts,
            }
        )
        if failure.gave_up:
            traces.fail(error)

    def _log_retry(self, step: int, error: str, failure: Failure) -> None:
        log.warning(
            "step %d of task %s failed at attempt %d of %d, and is retried in %.3g s: %s",
            step,
            self.task.id,
            failure.attempts,
            self.job.retry_policy.max_attempts,
            failure.pause.total_seconds(),
            error.partition("\n")[0],
        )


def death_error(job: Job) -> str:
    """The error of a step that ended its process at every attempt."""
    if job.step_timeout is None:
        return "its process died at every attempt"
    limit = job.step_timeout.total_seconds()
    return (
        f"its process died at every attempt, or was ended because the step ignored its step_timeout of "
        f"{limit:g} s"
    )
