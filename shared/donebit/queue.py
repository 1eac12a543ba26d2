"""Celery made one way, and the names that both of its ends use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from donebit.completion.fanout import Slice
from donebit.completion.healing import ProbedState
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.errors import BrokerUnavailable

# The worker takes from its queues in turn, so that neither the bookkeeping nor a task of a few steps
# waits behind the hundreds of slices of a large one.
CONTROL, STEPS, SLICES = "donebit.control", "donebit.steps", "donebit.slices"
QUEUES = (CONTROL, STEPS, SLICES)

Ranges = list[tuple[int, int]]  # half open

DISPATCH = "donebit.dispatch"
RUN_STEPS = "donebit.run_steps"
ANNOUNCE = "donebit.announce"
PROBE = "donebit.probe"
SWEEP = "donebit.sweep"

SWEEP_EVERY = timedelta(seconds=5)
# A sweep that waited longer than the next one is worth nothing.
SCHEDULE = {
    "task": SWEEP,
    "schedule": SWEEP_EVERY,
    "options": {"queue": CONTROL, "expires": SWEEP_EVERY.total_seconds()},
}
# How long the broker waits for an acknowledgement before it gives a message to another worker. A slice
# works for less than a second; a longer step is merely run twice. The sweep is what recovers quickly.
VISIBILITY_TIMEOUT = timedelta(hours=1)
BROKER_TIMEOUT = timedelta(seconds=0.25)  # three times this at the most, and an answer must come within 1 s


def make_celery(settings: Settings, *, sends_only: bool = False, prefixed: bool = True) -> Celery:
    """The Celery application: JSON only, acknowledged late, no results (the bitmap is the result).

    Args:
        sends_only: it does not wait for a frozen broker; a worker's blocking reads must
        prefixed: its queues are Donebit's own; not those of another Celery application, which listens
            under the plain names
    """
    app = Celery("donebit", broker=settings.broker, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_store_eager_result=False,
        accept_content=["json"],
        task_serializer="json",
        task_queues=[Queue(name) for name in QUEUES],
        task_default_queue=CONTROL,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_processes,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=BROKER_TIMEOUT.total_seconds(),
        broker_transport_options=_transport_options(settings, sends_only=sends_only, prefixed=prefixed),
        beat_scheduler="celery.beat:Scheduler",  # in memory: the schedule is one line, and leaves no file
        beat_schedule={"sweep": SCHEDULE},
        timezone="UTC",
    )
    return app


def _transport_options(settings: Settings, *, sends_only: bool, prefixed: bool) -> dict[str, float | str]:
    options: dict[str, float | str] = {
        "visibility_timeout": VISIBILITY_TIMEOUT.total_seconds(),
        "socket_connect_timeout": BROKER_TIMEOUT.total_seconds(),
    }
    if sends_only:
        options["socket_timeout"] = BROKER_TIMEOUT.total_seconds()
    # RabbitMQ has virtual hosts in place of it.
    if prefixed and settings.broker.startswith(("redis://", "rediss://", "sentinel://")):
        options["global_keyprefix"] = settings.key_prefix
    return options


class Publisher:
    """Messages to the worker, whoever sends them.

    Every method raises BrokerUnavailable when the broker does not take the message; what it would have
    set going is then set going by the sweep.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        # Celery imports these when they are first needed: in the first request, 200 ms of it.
        _ = app.backend, app.connection_for_write().transport

    def dispatch(self, task: Task, first: int = 0) -> None:
        """Have a task's missing steps fanned out, from `first` on."""
        self._send(DISPATCH, CONTROL, task.id, task.nonce, first)

    def announce(self, task_id: str) -> None:
        """Have the end of a task told."""
        self._send(ANNOUNCE, CONTROL, task_id)

    def run_slice(self, task: Task, part: Slice) -> None:
        """Have steps run."""
        self.run_ranges(task, [(part.start, part.stop)])

    def run_carefully(self, task: Task, part: Slice) -> None:
        """Have steps run one of which may have killed its process."""
        self.run_ranges(task, [(part.start, part.stop)], careful=True)

    def run_ranges(
        self, task: Task, ranges: Ranges, *, careful: bool = False, pause: timedelta | None = None
    ) -> None:
        """Have the steps of some ranges run, after a pause if one is given."""
        self._send(RUN_STEPS, queue_of(ranges), task.id, task.nonce, ranges, careful, pause=pause)

    def probe(self, task: Task, through: Sequence[str] = (STEPS, SLICES)) -> None:
        """Ask the queues a task's steps wait in, one after the other, whether anything is before them."""
        seen = ProbedState.of(task)
        first, *then = through
        self._send(PROBE, first, task.id, task.nonce, seen.progress_ms, seen.heals, then)

    def _send(self, name: str, queue: str, *args: object, pause: timedelta | None = None) -> None:
        countdown = pause.total_seconds() if pause else None
        try:
            self._app.send_task(name, args=args, queue=queue, countdown=countdown)
        except OperationalError as error:
            raise BrokerUnavailable(f"the broker does not take messages: {error}") from error


def queue_of(ranges: Ranges) -> str:
    return STEPS if is_single(ranges) else SLICES


def is_single(ranges: Ranges) -> bool:
    """Whether it is one step."""
    return len(ranges) == 1 and ranges[0][1] - ranges[0][0] == 1
