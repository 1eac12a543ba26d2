"""What is the same for every harm: the load, and that nothing of it is lost or done twice afterwards."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from random import Random
from typing import NamedTuple

from donebit.activity.events.single_visit import users_ever_seen
from donebit.activity.site import Site
from donebit.completion import announcing, lifecycle
from donebit.completion.state import State
from donebit.config import Settings
from donebit.store import Store
from donebit.store.client import connect
from tests.completion.arranged import start
from tests.conftest import wrong_keys
from tests.faults.torture.harms import Aftermath
from tests.faults.torture.reporters import (
    EVENT,
    PATIENCE,
    REPORTING_SECONDS,
    STEPS,
    Sender,
    Share,
    Work,
    longest,
    report_through,
)

TASKS_OF_A_LONG_RUN = 300

Reporters = tuple[ProcessPoolExecutor, Barrier]


class Trial(NamedTuple):
    """Tasks that were reported while a harm was done.

    Attributes:
        outage: the longest that a report took, in seconds
        ends: the ids under which ends were announced
    """

    store: Store
    url: str
    tasks: list[str]
    outage: float
    ends: list[str]

    def assert_whole(self) -> None:
        """Every task has ended once, and is announced under one id; every visitor is there."""
        ended = [lifecycle.get_task(self.store, task_id).task for task_id in self.tasks]
        assert {(task.state, task.done_steps, task.run) for task in ended} == {(State.DONE, STEPS, 1)}
        assert set(self.ends) == {f"{task_id}.1.done" for task_id in self.tasks}
        assert users_ever_seen(Site.of(self.store, Settings()), EVENT) == len(self.tasks) * STEPS
        with connect(self.url, connections=4, timeout=PATIENCE * 2) as client:
            assert dict(wrong_keys(client)) == {}


def try_out(
    url: str,
    tasks: int,
    act: Callable[[], Aftermath],
    reporters: Reporters,
    chance: Random,
    *,
    replicas: int = 0,
    seconds: float = REPORTING_SECONDS,
) -> Trial:
    """Report so many tasks to a store, by several processes, and do a harm meanwhile."""
    store = Store.at(url, connections=4, timeout=PATIENCE * 2)
    begun = [start(store, STEPS).id for _ in range(tasks)]
    work = Work(url, replicas, begun, chance.randrange(1_000_000), seconds)
    share, aftermath = report_through(*reporters, work, act)
    outage = longest(share.sent, aftermath.served_from)
    ends = [*share.ends, *_again(store, share, aftermath.lost), *_announced(store, begun)]
    return Trial(store, url, begun, outage, ends)


def _again(store: Store, share: Share, lost: tuple[float, float]) -> list[str]:
    """Report again what was acknowledged, or under way, while it could be lost; the ends announced then."""
    began, ended = lost
    sender = Sender(store)
    for report in dict.fromkeys(
        one.report for one in share.sent if one.began <= ended and one.acknowledged >= began
    ):
        sender.send(report)
    return sender.ends


def _announced(store: Store, tasks: list[str]) -> list[str]:
    """Announce the ends whose announcers did not come to it, as the sweep would; the ids of those."""
    sender = Sender(store)
    for task_id in tasks:
        announcing.announce(store, task_id, sender.note_end, lease=timedelta(0))
    return sender.ends
