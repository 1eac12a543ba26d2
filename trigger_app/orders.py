"""A request body as a task specification, checked for what no worker could run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from donebit.completion import fanout
from donebit.completion.items import pack
from donebit.completion.lifecycle import PackedItems, check_count
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.state import Occasion, occasion_of
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.jobs.registry import Job, Jobs
from donebit.priority import NORMAL, Priority
from donebit.webhook_policy import checked_url
from trigger_app.models import NextBody, TaskBody, TaskRequest

LONGEST_CHAIN = 10  # tasks that follow one another in one request
LARGEST_SPEC = 64 * 1024  # characters; it is read whenever the task is looked at


def spec_of(body: TaskRequest, jobs: Jobs, default_stall_after: timedelta) -> TaskSpec:
    """Turn a request body into a task specification, with those of the tasks that follow.

    Args:
        body: the body
        jobs: those whose priority applies where the body leaves it out
        default_stall_after: applies where the body leaves `stall_after` out

    Raises:
        InvalidInput: the count is left out, and the task is neither open nor one that follows.
    """
    return TaskSpec(
        _count(body),
        body.job,
        body.params,
        body.label,
        body.batch,
        _seconds(body.stall_after) or default_stall_after,
        _seconds(body.ended_ttl),
        Webhook(body.webhook.url, _ends(body.webhook.on)) if body.webhook else None,
        Callback(body.callback.name, _ends(body.callback.on)) if body.callback else None,
        _next(body.then, jobs, default_stall_after) if body.then else None,
        priority=body.priority or _priority_of(body.job, jobs),
        fail_fast=body.fail_fast,
        max_concurrency=body.max_concurrency,
        open=body.open,
    )


def items_missing(job: str | None) -> InvalidInput:
    return InvalidInput(f"job {job} takes an item for each step, and there are no items", field="items")


def _without_job(field: str) -> InvalidInput:
    return InvalidInput(f"{field} is given, but no job whose steps workers run", field=field)


def pack_items(body: TaskBody, job: Job | None) -> PackedItems | None:
    """The items of a body, checked against the job; none for a task whose steps have none.

    Raises:
        InvalidInput: an item does not fit the job, the job takes items and there are none, or it takes none
            and there are some.
    """
    takes = job.item if job else None
    if body.items is None and takes is None:
        return None
    if body.items is None and not body.open:
        raise items_missing(body.job)
    if takes is None and job is not None:
        raise InvalidInput(f"job {body.job} takes no item", field="items")
    packed = pack(body.items or [])
    if takes is not None:
        takes.check(packed.texts)
    return packed


def _count(body: TaskRequest) -> int:
    items = body.items if isinstance(body, TaskBody) else None
    if items is not None and body.count not in (None, len(items)):
        raise InvalidInput(f"count is {body.count}, and there are {len(items)} items", field="count")
    if items is not None:
        return len(items)
    if body.count is not None:
        return body.count
    if body.open:
        return 0
    if isinstance(body, NextBody):
        return 1
    raise InvalidInput("count is missing; only an open task may leave it out", field="count")


def _next(body: NextBody, jobs: Jobs, default_stall_after: timedelta) -> NextTask:
    return NextTask(spec_of(body, jobs, default_stall_after), _ends(body.on))


def _priority_of(job: str | None, jobs: Jobs) -> Priority:
    """The priority of a job's tasks; an unknown job is refused later."""
    return jobs.find(job).priority if job is not None and job in jobs else NORMAL


def _seconds(given: float | None) -> timedelta | None:
    return None if given is None else timedelta(seconds=given)


def _ends(names: Sequence[str]) -> tuple[Occasion, ...]:
    """Sort the names and drop repetitions, so that equal requests make equal specifications."""
    return tuple(sorted({occasion_of(name) for name in names}))


@dataclass(frozen=True, slots=True)
class Checker:
    """Refuses what no worker could run, before anything is started."""

    jobs: Jobs
    settings: Settings

    def check(self, spec: TaskSpec, *, has_parent: bool = False) -> None:
        """Check a task specification and those that follow it.

        Args:
            spec: the specification
            has_parent: the task reads the results of one that exists

        Raises:
            InvalidInput: one of them cannot be run; the field at fault is named by its path, as `then.job`.
        """
        if (size := len(spec.as_text())) > LARGEST_SPEC:
            raise InvalidInput(f"the task is {size} characters of JSON; at most {LARGEST_SPEC}")
        chain = list(spec.chain)
        if len(chain) > LONGEST_CHAIN:
            raise InvalidInput(
                f"then is {len(chain)} tasks long, one after the other; at most {LONGEST_CHAIN}", field="then"
            )
        for depth, (before, one) in enumerate(zip([None, *chain], chain, strict=False)):
            try:
                self.check_one(one)
                if before is not None or not has_parent:
                    self.check_results(one, before)
            except InvalidInput as error:
                raise InvalidInput(error.detail, field="then." * depth + (error.field or "")) from None

    def check_one(self, spec: TaskSpec) -> None:
        check_count(spec.count, self.settings.max_steps)
        self.check_job(spec)
        self.check_receivers(spec)

    def check_job(self, spec: TaskSpec) -> None:
        if spec.job is not None:
            job = self.jobs.find(spec.job)
            job.convert_params(spec.params)
            if job.item is not None and spec.items is None:
                raise items_missing(spec.job)
        elif spec.params:
            raise InvalidInput("params are given, but no job that takes them", field="params")
        elif spec.max_concurrency is not None:
            raise _without_job("max_concurrency")
        elif spec.priority != NORMAL:
            raise _without_job("priority")
        if spec.batch and spec.count / spec.batch > fanout.LARGEST_FANOUT:
            raise InvalidInput(
                f"batch is {spec.batch}, which makes more than {fanout.LARGEST_FANOUT} messages "
                f"of {spec.count} steps",
                field="batch",
            )

    def check_results(self, spec: TaskSpec, before: TaskSpec | None) -> None:
        """Check that a task whose job takes in results follows one that may keep some."""
        if spec.job is None or not self.jobs.find(spec.job).results_name:
            return
        if before is None:
            raise InvalidInput(
                f"job {spec.job} takes in the results of the task before it, so it can only be a `then`",
                field="job",
            )
        if before.job is not None and not self.jobs.find(before.job).keep_results:
            raise InvalidInput(
                f"job {spec.job} takes in results, and job {before.job} before it keeps none (keep_results)",
                field="job",
            )

    def check_receivers(self, spec: TaskSpec) -> None:
        if spec.webhook:
            checked_url(spec.webhook.url, self.settings.webhook_hosts)
        if spec.callback and spec.callback.name not in self.settings.callback_queues:
            known = ", ".join(sorted(self.settings.callback_queues)) or "none"
            raise InvalidInput(
                f"callback is {spec.callback.name!r}; it must be one of CALLBACKS, which has: {known}",
                field="callback.name",
            )
