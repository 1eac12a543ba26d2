"""What is done to RabbitMQ, and from when on it takes and gives messages again."""

from __future__ import annotations

import time
from typing import NamedTuple

from tests.faults.harness.ground import pass_by
from tests.faults.torture.harms import PARTED_SECONDS, SERVING_SECONDS, Aftermath, Harm
from tests.rabbit import RunningRabbit
from tests.stack import Stack, ask
from tests.started import eventually


class OnRabbit(NamedTuple):
    """Everything, and the broker that its messages go through."""

    stack: Stack
    rabbit: RunningRabbit


def kill_and_start_again(on: OnRabbit) -> Aftermath:
    """Nobody can send a message meanwhile: a task that is begun then waits for the sweep."""
    on.rabbit.end()
    during = ask("POST", f"{on.stack.trigger}/tasks", {"count": 5, "job": "demo"})
    assert (during.status, during.said["queued"]) == (202, False)
    on.rabbit.start()
    return Aftermath(working_from=time.monotonic(), begun=str(during.said["task_id"]))


def cut_connections(on: OnRabbit) -> Aftermath:
    on.rabbit.cut_connections()
    return Aftermath(working_from=time.monotonic())


def freeze(on: OnRabbit) -> Aftermath:
    """It says nothing for ten seconds; no connection is lost by it."""
    on.rabbit.freeze()
    during = on.stack.create(5, job="demo")
    pass_by(PARTED_SECONDS)
    on.rabbit.thaw()
    eventually(on.rabbit.answers)
    return Aftermath(working_from=time.monotonic(), begun=during)


# Reports do not go through the broker: they may take no longer at all.
HARMS = {
    "killed": Harm(kill_and_start_again, SERVING_SECONDS),
    "connections cut": Harm(cut_connections, SERVING_SECONDS),
    "frozen": Harm(freeze, SERVING_SECONDS),
}
SAMPLE = ["killed"]
