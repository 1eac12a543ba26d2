"""The runner's access to its task: what is missing, and reports of steps, repeated through an outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from done_app.worker.steps.retry import read_until_answered, retry_until_stored
from donebit.completion import failing, lifecycle, missing, reporting
from donebit.completion.failing import COUNTED_AHEAD, GIVE_UP_NOW, Failure
from donebit.completion.leases import Holder
from donebit.completion.reporting import Report
from donebit.completion.results import runs_of_ranges
from donebit.completion.task import Task
from donebit.errors import StoreUnavailable
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from donebit.traces import traces

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StoreStepReporter:
    """Reads and reports the steps of one task. Every method raises NotFound when that task is gone."""

    store: Store
    task: Task
    policy: RetryPolicy
    holder: Holder = field(kw_only=True)  # of the lease on the steps
    max_result_bytes: int = field(default=0, kw_only=True)  # of all steps of the task
    known_missing: list[Range] | None = field(default=None, kw_only=True)  # of the only range that is run

    def missing(self, start: int, stop: int) -> list[Range]:
        if self.known_missing is not None:
            return self.known_missing
        # Between the ranges of a message steps are done that are not reported yet.
        return read_until_answered(lambda: list(missing.iterate(self.store, self.task, start, stop)))

    def is_paused(self) -> bool:
        try:
            return lifecycle.is_paused(self.store, self.task)
        except StoreUnavailable:  # the next report waits for it
            return False

    def finished(self, ranges: list[Range], values: Sequence[str] = (), *, releasing: bool = False) -> Report:
        """Report steps as done, with the results of all of them in their order, or with none."""
        with traces.span("donebit.report", {"donebit.steps": sum(stop - start for start, stop in ranges)}):
            return self._finished(ranges, values, self.holder if releasing else None)

    def _finished(self, ranges: list[Range], values: Sequence[str], releasing: Holder | None) -> Report:
        task = self.task
        if not values:
            # A step by itself is marked the quicker way, which a range does not take.
            steps = [start for start, stop in ranges if stop == start + 1]
            more = [(start, stop) for start, stop in ranges if stop > start + 1]
            return retry_until_stored(
                lambda token: reporting.report(
                    self.store, task.id, steps, more, token=token, nonce=task.nonce, releasing=releasing
                )
            )
        runs = runs_of_ranges(ranges, values)
        return retry_until_stored(
            lambda token: reporting.report_results(
                self.store, task.id, runs, max_bytes=self.max_result_bytes, token=token, nonce=task.nonce
            )
        )

    def failed(
        self, step: int, error: str, *, count_attempt: bool, last: bool, traceback: str = ""
    ) -> Failure:
        policy = GIVE_UP_NOW if last else self.policy
        attempt = COUNTED_AHEAD
        if count_attempt:
            attempt = read_until_answered(lambda: failing.next_attempt(self.store, self.task, step))
        return retry_until_stored(
            lambda token: failing.fail(
                self.store,
                self.task.id,
                step,
                error,
                policy,
                token=token,
                nonce=self.task.nonce,
                attempt=attempt._replace(traceback=traceback),
            )
        )

    def attempt(self, step: int, *, made_already: bool = False) -> int:
        return retry_until_stored(
            lambda _: failing.begin_attempt(
                self.store,
                self.task,
                step,
                self.policy,
                made_already=made_already,
                message_id=self.holder.message_id,
            )
        )
