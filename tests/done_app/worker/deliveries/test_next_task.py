"""A next task that cannot be started keeps nothing of the one before it."""

from __future__ import annotations

from datetime import timedelta

from redis import Redis

from done_app.worker.deliveries.channels import Channels
from done_app.worker.deliveries.courier import Courier
from donebit import queue
from donebit.completion import announcing, deliveries, reporting
from donebit.completion.delivery import DeliveryOutcome
from donebit.completion.spec import NextTask, TaskSpec
from donebit.completion.state import ANY_END
from donebit.config import Settings
from donebit.store import Store
from donebit.store.results import ResultRun
from tests.completion.arranged import life_left, now, start
from tests.done_app.worker.deliveries.test_courier import settle


def test_results_are_not_kept_for_a_next_task_that_is_refused(real_store: Store, real_client: Redis) -> None:
    then = NextTask(TaskSpec(9), ANY_END)
    task = start(real_store, 1, then=then, ended_ttl=timedelta(minutes=1))
    reporting.report_results(real_store, task.id, [ResultRun(0, ["5"])], max_bytes=9)
    announcing.announce(real_store, task.id)
    settings = Settings(max_steps=5)  # it was more when the task was asked for
    app = queue.make_celery(settings)
    send = Channels(real_store, app, queue.Publisher(app), settings).then

    settle(Courier(real_store, "then", send))

    (told,) = deliveries.list_deliveries(real_store, now(real_store, task))
    assert told.delivery.outcome is DeliveryOutcome.GIVEN_UP
    assert life_left(real_client, real_store.keys.results(task.id)) <= timedelta(minutes=1)
