"""The worker's Celery application, and what each of its processes has: settings, store, jobs, publisher."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from celery import Task as CeleryTask
from celery.exceptions import Reject, SecurityWarning

from done_app.worker import identity
from done_app.worker.consumer import CONSUMER
from done_app.worker.descriptors import end_if_spent
from done_app.worker.monitor.monitor import Monitor
from done_app.worker.pool import POOL
from done_app.worker.reconnect import SCHEDULER
from donebit import config, queue
from donebit.access.quotas import Quotas
from donebit.completion.task import Task
from donebit.errors import BrokerUnavailable, ConfigurationError, StoreUnavailable, stop_program
from donebit.jobs.registry import Jobs, check_jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from donebit.traces import traces


class RetriedTask(CeleryTask):  # type: ignore[type-arg]  # its stubs alone take arguments
    """A worker function whose message is not dropped when the broker does not take it again."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run the function, in a span that continues the one that its message was sent in."""
        about = {"donebit.task_id": args[0]}
        with traces.span(self.name, about, kind="CONSUMER", came_with=self.request.headers or {}):
            try:
                return super().__call__(*args, **options)
            finally:
                end_if_spent()

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

try:
    settings = config.load()
    traces.set_up(settings, "worker")
except ConfigurationError as error:  # one sentence, from the worker and from beat as from the services
    stop_program(error.detail)
app = queue.make_celery(settings)
# Beat's schedule is in memory: it is one line, and leaves no file.
app.conf.update(worker_pool=POOL, worker_consumer=CONSUMER, beat_scheduler=SCHEDULER)
publisher = Publisher(app)
monitor = Monitor(identity.name)

# Containers and CI run as root; the step functions are the operator's own code either way.
warnings.filterwarnings("ignore", category=SecurityWarning)


@cache
def store() -> Store:
    """This process's own connection: a pool made before the fork must not be shared."""
    return Store.at(
        settings.redis_url,
        prefix=settings.key_prefix,
        connections=4,
        timeout=WORKER_TIMEOUT,
        replicas=settings.wait_replicas,
        goes_on=True,
    )


def quotas() -> Quotas:
    """The limits, against figures as they are: a sweep may start many tasks within a second."""
    return Quotas.in_all(store(), settings, read_again_seconds=0)


@cache
def jobs() -> Jobs:
    return check_jobs(settings)


def describe(task: Task, **attributes: str | int) -> None:
    """Say in the present span which task it is of, with a link to the request that started the task."""
    traces.describe(
        {"donebit.job": task.spec.job or "", "donebit.run": task.run, **attributes}, task.traceparent
    )
