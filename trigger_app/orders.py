"""What a request asks for, as an order; and whether anybody could carry it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from donebit.completion import fanout
from donebit.completion.lifecycle import check_count
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.state import State
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.jobs.registry import Jobs
from donebit.webhook_policy import checked_url
from trigger_app.models import NextBody, TaskRequest

LONGEST_CHAIN = 10  # tasks that follow one another in one order
LARGEST_ORDER = 64 * 1024  # characters; it is read whenever the task is looked at


def order_of(asked: TaskRequest, default_stall_after: timedelta) -> TaskSpec:
    """The order that a body asks for, with those of the tasks that follow."""
    return TaskSpec(
        asked.count,
        asked.job,
        asked.params,
        asked.label,
        asked.batch,
        _seconds(asked.stall_after) or default_stall_after,
        _seconds(asked.ended_ttl),
        Webhook(asked.webhook.url, _ends(asked.webhook.on)) if asked.webhook else None,
        Callback(asked.callback.name, _ends(asked.callback.on)) if asked.callback else None,
        _next(asked.then, default_stall_after) if asked.then else None,
    )


def _next(asked: NextBody, default_stall_after: timedelta) -> NextTask:
    return NextTask(order_of(asked, default_stall_after), _ends(asked.on))


def _seconds(given: float | None) -> timedelta | None:
    return None if given is None else timedelta(seconds=given)


def _ends(names: Sequence[str]) -> tuple[State, ...]:
    """In one order and each once, so that the same asked for otherwise is the same."""
    return tuple(sorted({State(name) for name in names}))


@dataclass(frozen=True, slots=True)
class Checker:
    """Refuses what no worker could do, before anything is started."""

    jobs: Jobs
    settings: Settings

    def check(self, order: TaskSpec) -> None:
        """Raise InvalidInput for an order, or one that follows it, that cannot be carried out."""
        if (size := len(order.as_text())) > LARGEST_ORDER:
            raise InvalidInput(f"the order is {size} characters of JSON; at most {LARGEST_ORDER}")
        chain = list(order.chain)
        if len(chain) > LONGEST_CHAIN:
            raise InvalidInput(
                f"then is {len(chain)} tasks long, one after the other; at most {LONGEST_CHAIN}", field="then"
            )
        for depth, one in enumerate(chain):
            try:
                self.check_one(one)
            except InvalidInput as error:
                raise InvalidInput(error.detail, field="then." * depth + (error.field or "")) from None

    def check_one(self, order: TaskSpec) -> None:
        check_count(order.count, self.settings.max_steps)
        self.check_job(order)
        self.check_receivers(order)

    def check_job(self, order: TaskSpec) -> None:
        if order.job is not None:
            self.jobs.find(order.job).convert_params(order.params)
        elif order.params:
            raise InvalidInput("params are given, but no job that takes them", field="params")
        if order.batch and order.count / order.batch > fanout.LARGEST_FANOUT:
            raise InvalidInput(
                f"batch is {order.batch}, which makes more than {fanout.LARGEST_FANOUT} messages "
                f"of {order.count} steps",
                field="batch",
            )

    def check_receivers(self, order: TaskSpec) -> None:
        if order.webhook:
            checked_url(order.webhook.url, self.settings.webhook_hosts)
        if order.callback and order.callback.name not in self.settings.callback_queues:
            known = ", ".join(sorted(self.settings.callback_queues)) or "none"
            raise InvalidInput(
                f"callback is {order.callback.name!r}; it must be one of CALLBACKS, which has: {known}",
                field="callback.name",
            )
