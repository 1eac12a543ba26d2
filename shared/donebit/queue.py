"""The Celery application, its queues and message names, and the publisher of messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from celery import Celery, signals
from kombu import Queue
from kombu.exceptions import ChannelError, KombuError, OperationalError

from donebit import amqp_url, clock, rabbitmq, redis_url
from donebit.broker import SERVER_OPTION, TRANSPORT, shown_url
from donebit.completion.fanout import Slice
from donebit.completion.healing import ProbedState
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.errors import BrokerUnavailable, ConfigurationError
from donebit.priority import HIGH, Priority
from donebit.rabbitmq import RabbitCelery
from donebit.redis_url import RedisUrl
from donebit.store.connections import KEEPALIVE
from donebit.traces import traces

# The worker consumes its queues in turn, so that neither control messages nor a task of a few steps wait
# for the hundreds of slices of a large one.
CONTROL, STEPS, SLICES = "donebit.control", "donebit.steps", "donebit.slices"
# Of tasks of a high priority. Priorities among the messages of one queue are in RabbitMQ's quorum queues only
# since 4.0.
HIGH_STEPS, HIGH_SLICES = "donebit.high_steps", "donebit.high_slices"
QUEUES = (CONTROL, HIGH_STEPS, HIGH_SLICES, STEPS, SLICES)

Ranges = list[tuple[int, int]]  # half open

DISPATCH = "donebit.dispatch"
RUN_STEPS = "donebit.run_steps"
ANNOUNCE = "donebit.announce"
PROBE = "donebit.probe"
SWEEP = "donebit.sweep"

DUE = "donebit_due_ms"  # the header that says from when on a message waits for a worker

SWEEP_EVERY = timedelta(seconds=5)
SWEEP_SCHEDULE = {
    "task": SWEEP,
    "schedule": SWEEP_EVERY,
    # No `expires`: a worker whose clock is ahead of beat's would drop every sweep.
    "options": {"queue": CONTROL},
}
# How long the broker waits for an acknowledgement before it gives a message to another worker, which leaves
# the steps to the first one if that still runs them. Of a dead one they are sent again much sooner.
VISIBILITY_TIMEOUT = timedelta(hours=1)
BROKER_TIMEOUT = timedelta(seconds=0.25)  # at most three times per request, which must be answered within 1 s
# A worker's blocking read is answered after a second at the latest. Without a limit a host that vanishes
# without a reset holds the worker until the kernel gives up, 16 minutes later.
WORKER_BROKER_TIMEOUT = timedelta(seconds=5)
# A worker's blocking read that is overdue is given up 3 to 5 s after it began: kombu allows it this beyond
# its second, and looks as often.
CONNECTION_CHECKED_EVERY = timedelta(seconds=2)


def make_celery(settings: Settings, *, sends_only: bool = False, prefixed: bool = True) -> Celery:
    """Make the Celery application: JSON only, acknowledged late, no results (the bitmap is the result).

    Args:
        sends_only: its socket timeouts are short: a request waits for it
        prefixed: its queues are Donebit's own; not those of another Celery application, which listens
            under the plain names
    """
    server = redis_url.read(settings.broker) if redis_url.is_redis(settings.broker) else None
    app = _application(settings, server, BROKER_TIMEOUT if sends_only else WORKER_BROKER_TIMEOUT)
    app.conf.update(
        broker_transport=TRANSPORT if server else None,
        task_ignore_result=True,
        task_store_eager_result=False,
        accept_content=["json"],
        task_serializer="json",
        task_queues=_queues(settings, prefixed),
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
        broker_channel_error_retry=True,  # a worker that ends for an answer of the broker's helps nobody
        broker_connection_timeout=BROKER_TIMEOUT.total_seconds(),
        broker_heartbeat=int(rabbitmq.HEARTBEAT.total_seconds()),
        broker_transport_options=_transport_options(settings, server, sends_only, prefixed),
        beat_schedule={"sweep": SWEEP_SCHEDULE},
        timezone="UTC",
    )
    return app


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse queues through which no message comes: Celery declares any, and its worker waits for ever.

    Raises:
        ConfigurationError: one of them is none of Donebit's.
    """
    if unknown := [name for name in names if name not in QUEUES]:
        raise ConfigurationError(
            f"the worker is to take messages from {', '.join(unknown)}; --queues may name {', '.join(QUEUES)}"
        )


def carry_trace(sender: str, headers: dict[str, Any], **_: Any) -> None:
    """Put into each message which span it continues."""
    traces.carry(sender, headers)


def _application(settings: Settings, server: RedisUrl | None, answer_within: timedelta) -> Celery:
    if traces.are_on:
        signals.before_task_publish.connect(carry_trace)
    if not amqp_url.is_rabbitmq(settings.broker):
        address = shown_url(server) if server else settings.broker
        return Celery("donebit", broker=address, set_as_current=False)
    return RabbitCelery(amqp_url.read(settings.broker), answer_within)


def _queues(settings: Settings, prefixed: bool) -> list[Queue]:  # noqa: FBT001 - as make_celery has it
    if prefixed and amqp_url.is_rabbitmq(settings.broker):
        return rabbitmq.queues(settings.key_prefix, QUEUES)
    return [Queue(name) for name in QUEUES]


def _transport_options(
    settings: Settings,
    server: RedisUrl | None,
    sends_only: bool,  # noqa: FBT001 - called once, by names that say it
    prefixed: bool,  # noqa: FBT001 - as above
) -> dict[str, Any]:
    answer_within = BROKER_TIMEOUT if sends_only else WORKER_BROKER_TIMEOUT
    if amqp_url.is_rabbitmq(settings.broker):
        return rabbitmq.transport_options(amqp_url.read(settings.broker), answer_within)
    options: dict[str, Any] = {
        "visibility_timeout": VISIBILITY_TIMEOUT.total_seconds(),
        "socket_connect_timeout": BROKER_TIMEOUT.total_seconds(),
    }
    of_redis = server is not None
    if sends_only or of_redis:
        options["socket_timeout"] = answer_within.total_seconds()
    if of_redis:
        options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
        # Also how often a worker looks whether the server owes it the answer to a blocking read.
        options["health_check_interval"] = CONNECTION_CHECKED_EVERY.total_seconds()
    if server is not None:
        options[SERVER_OPTION] = server
    if prefixed and of_redis:
        options["global_keyprefix"] = settings.key_prefix
    return options


class Publisher:
    """Sends messages to the worker.

    Every method raises BrokerUnavailable when the broker does not take the message; the sweep then sends
    it later.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        # Celery imports these when they are first needed: in the first request, 200 ms of it.
        _ = app.backend, app.connection_for_write().transport

    def dispatch(self, task: Task, first: int = 0) -> None:
        """Request the fan-out of a task's missing steps from `first` on."""
        self._send(DISPATCH, CONTROL, task.id, task.nonce, first)

    def announce(self, task_id: str) -> None:
        """Request the announcement of a task's end."""
        self._send(ANNOUNCE, CONTROL, task_id)

    def run_slices(self, task: Task, parts: Sequence[Slice], *, careful: bool = False) -> None:
        """Send slices of steps to be run, a message each, in one write where the broker takes several.

        Args:
            careful: as run_ranges has it.
        """
        messages: list[Ranges] = [[(part.start, part.stop)] for part in parts]
        try:
            with self._app.producer_pool.acquire(block=True) as producer, cast(Any, producer).batch():
                declared = set[str]()
                for ranges in messages:
                    queue = queue_of(task, ranges)
                    # kombu copies a queue for each message to find that it is declared.
                    declaring: dict[str, Any] = {"declare": []} if queue in declared else {}
                    declared.add(queue)
                    self._send_by(producer, queue, (task.id, task.nonce, ranges, careful), declaring)
        except KombuError:
            # Whether the broker has taken them nobody knows. One by one they are sent on a new connection if
            # need be, and steps that come twice run once.
            for ranges in messages:
                self.run_ranges(task, ranges, careful=careful)

    def _send_by(
        self, producer: Any, queue: str, args: tuple[object, ...], options: Mapping[str, Any]
    ) -> None:
        """Send one message with steps, of several that go together."""
        self._app.send_task(
            RUN_STEPS,
            args=args,
            argsrepr=repr(args),  # as Celery would write it, and quicker
            queue=queue,
            producer=producer,
            retry=False,
            headers={DUE: clock.now_ms()},
            **options,
        )

    def run_slices_carefully(self, task: Task, parts: Sequence[Slice]) -> None:
        """Send slices of steps, one of which may have killed its process."""
        self.run_slices(task, parts, careful=True)

    def run_ranges(
        self, task: Task, ranges: Ranges, *, careful: bool = False, pause: timedelta | None = None
    ) -> None:
        """Send the steps of some ranges to be run.

        Args:
            careful: count each attempt before it is made.
            pause: how long to wait first.
        """
        self._send(RUN_STEPS, queue_of(task, ranges), task.id, task.nonce, ranges, careful, pause=pause)

    def probe(self, task: Task, queues: Sequence[str] = ()) -> None:
        """Send a probe through the queues that a task's steps wait in, one after the other.

        When it has come through, the steps are not waiting there.

        Args:
            queues: those that it has still to pass; all of them when left out.
        """
        seen = ProbedState.of(task)
        first, *then = queues or queues_of_steps(task.spec.priority)
        self._send(PROBE, first, task.id, task.nonce, seen.progress_ms, seen.heals, then)

    def _send(self, name: str, queue: str, *args: object, pause: timedelta | None = None) -> None:
        countdown = pause.total_seconds() if pause else None
        headers = {DUE: clock.now_ms() + int((countdown or 0) * 1000)}
        try:
            self._app.send_task(name, args=args, queue=queue, countdown=countdown, headers=headers)
        except (OperationalError, ChannelError) as error:
            raise BrokerUnavailable("the broker does not take messages") from error


def waited_seconds(headers: Mapping[str, Any] | None) -> float | None:
    """How long a message with these headers, just received by a worker, waited for it after its pause.

    Returns:
        None for one that a process of an earlier version sent.
    """
    due_ms = (headers or {}).get(DUE)
    return max(0, clock.now_ms() - due_ms) / 1000 if isinstance(due_ms, int) else None


def queue_came_through(app: Celery, delivery_info: Mapping[str, Any]) -> str | None:
    """The queue that a message came through where RabbitMQ has delayed it: its key then names another."""
    if not isinstance(app, RabbitCelery):
        return None
    return app.queue_of_key(str(delivery_info.get("routing_key", "")))


def send_to_another(app: Celery, name: str, args: list[Any], queue: str, message_id: str) -> None:
    """Call a function of another Celery application.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or it is RabbitMQ and has no such queue, which
            only the other application knows how to declare.
    """
    to: Any = rabbitmq.queue_of_another(queue) if isinstance(app, RabbitCelery) else queue
    try:
        app.send_task(name, args=args, queue=to, task_id=message_id)
    except OperationalError as error:
        raise BrokerUnavailable(f"the broker does not take messages: {error}") from error
    except ChannelError as error:
        has_none = error.reply_code == rabbitmq.NO_ROUTE
        what = f"has no queue {queue}" if has_none else f"does not take messages: {error}"
        raise BrokerUnavailable(f"the broker {what}") from error


def queues_of_steps(priority: Priority) -> tuple[str, str]:
    """The queues that the steps of tasks of a priority wait in: single ones, and ranges."""
    return (HIGH_STEPS, HIGH_SLICES) if priority == HIGH else (STEPS, SLICES)


def queue_of(task: Task, ranges: Ranges) -> str:
    single, slices = queues_of_steps(task.spec.priority)
    return single if is_single(ranges) else slices


def is_single(ranges: Ranges) -> bool:
    """Whether the ranges are a single step."""
    return len(ranges) == 1 and ranges[0][1] - ranges[0][0] == 1
