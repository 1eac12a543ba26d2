"""A real worker is seen, and heard, over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from donebit.config import Settings
from donebit.queue import CONTROL, Publisher, make_celery
from donebit.store import Store, keys
from tests.stack import DONE_SECONDS, START_SECONDS, Stack, ask
from tests.started import eventually

Json = dict[str, Any]


def lines(stack: Stack, query: str) -> list[Json]:
    found: list[Json] = list(ask("GET", f"{stack.done}/workers/log?{query}").said["lines"])
    return found


def workers(stack: Stack) -> list[Json]:
    found: list[Json] = list(ask("GET", f"{stack.done}/workers").said["workers"])
    return found


def own_worker(stack: Stack, *, alive: bool = True) -> list[Json]:
    """The stack's present worker, as it is told of; none when it is not."""
    pid = stack.worker.process.pid
    return [worker for worker in workers(stack) if worker["pid"] == pid and worker["alive"] is alive]


def tasks_in_hand(stack: Stack) -> set[str]:
    return {at["task_id"] for worker in own_worker(stack) for at in worker["at"] if at["task_id"]}


@contextmanager
def following(stack: Stack, query: str) -> Iterator[Iterator[Json]]:
    with closing(http.client.HTTPConnection(urlsplit(stack.done).netloc, timeout=DONE_SECONDS)) as way:
        way.request("GET", f"/workers/log?{query}", headers={"Accept": "text/event-stream"})
        events = way.getresponse()
        yield (json.loads(line.removeprefix(b"data: ")) for line in events if line.startswith(b"data: "))


def test_a_tasks_lines_are_those_of_the_workers_terminal(stack: Stack) -> None:
    task_id = stack.trigger_done(10, 20)
    stack.await_told(task_id)
    number = 12  # the fan-out, ten steps, the end: each process writes its own, in whatever order
    eventually(lambda: len(stack.log_of(task_id)) >= number, DONE_SECONDS, what="lines lack at the terminal")
    eventually(lambda: len(lines(stack, f"task={task_id}")) >= number, DONE_SECONDS, what="lines lack")

    told, written = lines(stack, f"task={task_id}"), stack.log_of(task_id)
    assert sorted(line["text"] for line in told) == sorted(written)
    assert len(written) == number
    (worker,) = own_worker(stack)
    assert {(line["level"], line["worker"]) for line in told} == {("info", worker["worker"])}


def test_what_a_users_step_logs_is_about_its_task(stack: Stack) -> None:
    task_id = stack.create(3, job="talkative", params={"word": "hello"})

    stack.await_told(task_id)

    def own() -> list[str]:
        return sorted(line["text"] for line in lines(stack, f"task={task_id}") if line["level"] == "warning")

    eventually(lambda: len(own()) == 3, DONE_SECONDS, what="its words are not about it")
    assert own() == [f"hello at step {step}" for step in range(3)]
    of_step = [line["text"] for line in lines(stack, f"task={task_id}&step=1")]
    assert (of_step[0], len(of_step)) == ("hello at step 1", 2)
    assert of_step[1].startswith(f"step 1 of task {task_id} is done")


def test_a_failing_jobs_traceback_is_with_its_group(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    task_id = stack.create(2, job="blocked", params={"folder": str(tmp_path)})

    stack.await_told(task_id)

    (group,) = ask("GET", f"{stack.done}/tasks/{task_id}/failures/groups").said["groups"]
    assert (group["error"], group["steps"], group["attempts"]) == ("ValueError: step <n> is blocked", 1, 2)
    assert group["example"]["step"] == 1
    assert group["example"]["traceback"].startswith("Traceback (most recent call last)")
    assert 'raise ValueError(f"step {step} is blocked")' in group["example"]["traceback"]
    (tmp_path / "block-1").unlink()
    assert ask("POST", f"{stack.done}/tasks/{task_id}/retry", {"group": group["group"]}).status == 200
    eventually(lambda: stack.task(task_id).state == "done", DONE_SECONDS, what="it was not retried")


def test_a_failing_steps_traceback_is_told(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    task_id = stack.create(2, job="blocked", params={"folder": str(tmp_path)})

    stack.await_told(task_id)

    def errors() -> list[str]:
        return [line["text"] for line in lines(stack, f"task={task_id}&step=1") if line["level"] == "error"]

    eventually(
        lambda: any("failed for good" in text for text in errors()), DONE_SECONDS, what="no error is told"
    )
    assert any("Traceback" in text and "ValueError: step 1 is blocked" in text for text in errors())


def test_new_lines_of_a_task_are_told_as_they_come(stack: Stack) -> None:
    noise = stack.trigger_done(50, 10)
    stack.await_told(noise)

    with following(stack, "task=followed") as told:
        stack.create(5, job="demo", params={"sleep_ms": 10}, task_id="followed")
        heard = [
            next(told) for _ in range(7)
        ]  # the fan-out, five steps, the end: not the end last by all means

    assert {line["task_id"] for line in heard} == {"followed"}
    assert len({line["text"] for line in heard}) == 7
    assert [line["text"] for line in heard if "is done: 5 steps" in line["text"]]


def are_counted(stack: Stack) -> bool:
    """Whether messages wait and others are worked at; while the task is fanned out none is there yet."""
    answer = ask("GET", f"{stack.done}/workers").said
    waiting: int = sum(queue["messages"] for queue in answer["queues"])
    return waiting > 0 and int(answer["in_hand"]) > 0


def test_what_runs_where_is_told_while_it_runs(stack: Stack) -> None:
    task_id = stack.create_endless()

    eventually(lambda: task_id in tasks_in_hand(stack), DONE_SECONDS, what="nobody is at it")

    (worker,) = own_worker(stack)
    assert worker["processes"] == 4
    assert {at["pid"] for at in worker["at"]} <= stack.worker.family()
    eventually(lambda: are_counted(stack), DONE_SECONDS, what="messages that wait, or are worked at, are not")
    ask("POST", f"{stack.done}/tasks/{task_id}/cancel")
    stack.await_quiet()
    eventually(lambda: not tasks_in_hand(stack), DONE_SECONDS, what="somebody is still at it")


def test_finished_steps_are_counted(stack: Stack) -> None:
    def counted() -> int:
        return sum(ask("GET", f"{stack.done}/workers").said["steps_by_second"])

    eventually(lambda: counted() < 200_000, 90, what="those of the tests before it do not go")

    task_id = stack.trigger_done(300_000, 0)
    stack.await_told(task_id)

    eventually(lambda: counted() >= 300_000, DONE_SECONDS, what="they are not counted")


def test_a_killed_worker_is_shown_as_lost_and_a_stopped_one_is_unlisted(stack: Stack) -> None:
    eventually(lambda: own_worker(stack), START_SECONDS, what="it is not told of")

    stack.kill_worker()

    eventually(lambda: own_worker(stack, alive=False), DONE_SECONDS, what="it is still said to be alive")
    assert own_worker(stack) == []
    stack.start()
    eventually(lambda: own_worker(stack), START_SECONDS, what="the new one is not told of")
    os.kill(stack.worker.process.pid, signal.SIGTERM)
    stack.worker.process.wait(DONE_SECONDS)
    assert own_worker(stack) == own_worker(stack, alive=False) == []


def test_steps_that_were_lost_are_told_as_healed(stack: Stack) -> None:
    task_id = stack.create(3, job="demo", params={"sleep_ms": 0}, task_id="lost-and-healed")
    stack.await_told(task_id)
    before = ask("GET", f"{stack.done}/workers").said["sweep"]["heals"]
    endless = stack.create_endless()
    stack.await_progress(endless)
    # Until then what is lost is not healed, but fanned out once more.
    eventually(lambda: stack.task(endless).dispatched_at, DONE_SECONDS, what="it is not fanned out")
    stack.kill_worker()
    names = ("donebit.control", "donebit.steps", "donebit.slices", "unacked")
    # With its leases, by which the steps at work would come back: a task that moves is not healed.
    stack.server.client.delete(*map(keys.of_broker, names), keys.leases(endless))
    stack.start()

    def healed() -> bool:
        sweep = ask("GET", f"{stack.done}/workers").said["sweep"]
        return sweep["heals"] > before and endless in [heal["task_id"] for heal in sweep["last_heals"]]

    eventually(healed, DONE_SECONDS, what="no heal is told")


def test_a_worker_with_gossip_goes_on_taking_messages(stack: Stack) -> None:
    prefix = "gossiping:"
    command = (sys.executable, "-m", "celery", "--app", "done_app.worker", "worker")
    store = Store.on(stack.server.client, prefix)
    publisher = Publisher(make_celery(Settings(redis_url=stack.server.url, key_prefix=prefix)))
    worker = stack.started("gossiping", command, KEY_PREFIX=prefix, WORKER_PROCESSES="1")
    try:
        with stack.server.client.pubsub() as gossip:  # type: ignore[no-untyped-call]  # the library leaves it so
            gossip.psubscribe("*worker.heartbeat*")
            for _ in range(6):  # two seconds each: its connections are checked meanwhile
                eventually(lambda: is_message(gossip.get_message()), START_SECONDS, what="no heartbeat")
        publisher.announce("nobody")
        eventually(lambda: store.heartbeats.queue_lengths((CONTROL,)) == [0], what="it takes no messages")
    finally:
        worker.end()


def is_message(heard: Mapping[str, object] | None) -> bool:
    return heard is not None and heard["type"] == "pmessage"
