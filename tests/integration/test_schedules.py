"""A schedule fires by itself: beat, a worker and the services, as they run."""

from __future__ import annotations

from datetime import timedelta

from donebit.schedules import changes
from donebit.store import keys
from tests.stack import Stack, ask
from tests.started import eventually

IN_TIME = 30.0  # beat sends a sweep every five seconds


def test_a_due_schedule_starts_its_task_which_runs_to_its_end(stack: Stack) -> None:
    task = {"count": 3, "job": "demo", "params": {"sleep_ms": 1}}
    body = {"name": "minutely", "cron": "* * * * *", "zone": "UTC", "task": task}
    assert ask("POST", f"{stack.trigger}/schedules", body).status == 201
    earlier = changes.get(stack.store, "minutely").mark - timedelta(minutes=1)
    # As if it had been made a minute ago: the next full minute may be 59 s away.
    stack.server.client.hset(keys.schedule("minutely"), "mark", str(int(earlier.timestamp() * 1000)))

    eventually(lambda: changes.get(stack.store, "minutely").last_task, IN_TIME, what="nothing was started")

    task_id = changes.get(stack.store, "minutely").last_task
    assert task_id is not None
    eventually(lambda: stack.told(task_id), IN_TIME, what="its end was not announced")
    assert stack.answer(task_id)["state"] == "done"
    assert ask("DELETE", f"{stack.trigger}/schedules/minutely").status == 204
