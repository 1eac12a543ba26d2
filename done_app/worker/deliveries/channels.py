"""The channels through which the end of a task is delivered: webhook, Celery function, next task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from celery import Celery

from done_app.worker.deliveries.courier import NotDelivered, Send
from done_app.worker.deliveries.webhooks import WebhookSender
from donebit.completion import deliveries, lifecycle, parents
from donebit.completion.delivery import Delivery, DeliveryRefused
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import BrokerUnavailable, Conflict, InvalidInput
from donebit.publishing import publish_start
from donebit.queue import Publisher, send_to_another
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class Channels:
    """The sender of each channel, with the connections of this process."""

    store: Store
    app: Celery
    publisher: Publisher
    settings: Settings

    @property
    def by_kind(self) -> Mapping[str, Send]:
        return {"webhook": self.webhook, "callback": self.callback, "then": self.then}

    def webhook(self, delivery: Delivery) -> str:
        """Send a signed webhook."""
        if not self.settings.webhook_secrets:
            raise DeliveryRefused("WEBHOOK_SECRET is not set in the worker, and nothing is sent unsigned")
        return WebhookSender(self.settings.webhook_hosts, self.settings.webhook_secrets).send(delivery)

    def callback(self, delivery: Delivery) -> str:
        """Have a Celery function called with the event; its message has the announcement's id."""
        queue = self.settings.callback_queues.get(delivery.to)
        if queue is None:
            raise DeliveryRefused(f"{delivery.to} is not in the worker's CALLBACKS")
        try:
            send_to_another(self.app, delivery.to, [dict(delivery.event)], queue, delivery.announcement_id)
        except BrokerUnavailable as error:
            raise NotDelivered(error.detail) from error
        return f"sent to the queue {queue}"

    def then(self, delivery: Delivery) -> str:
        """Start the next task, unless it is started already."""
        ttls, most = TaskTtls.from_settings(self.settings), self.settings.max_steps
        spec = deliveries.next_spec(delivery)
        # First: the task before it could expire meanwhile, with the results that this one reads.
        parent = parents.keep_parent(self.store, delivery.task_id, delivery.nonce, delivery.to, ttls.open)
        try:
            started = lifecycle.start(
                self.store, spec, task_id=delivery.to, ttls=ttls, max_steps=most, parent=parent
            )
        except (InvalidInput, Conflict) as error:
            parents.drop_reader(self.store, parent, delivery.to)
            raise DeliveryRefused(error.detail) from error
        if started.task.announced_at:  # before: it has read what it was to read
            parents.release_parent(self.store, started.task)
        # Also if it was started before, as a crash may have come between: a second request changes nothing.
        publish_start(self.publisher, started.task)
        return "started" if started.fresh else "started before"
