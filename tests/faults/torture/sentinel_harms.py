"""What is done to a group that Sentinels watch, and from when on it has a master again."""

from __future__ import annotations

import time
from functools import partial

from tests.faults.harness.ground import pass_by
from tests.faults.test_outage import freeze, thaw
from tests.faults.torture.harms import SERVING_SECONDS, Aftermath, Harm
from tests.sentinel_group import DOWN_AFTER, SentinelGroup
from tests.started import eventually, say

FAILOVER_SECONDS = DOWN_AFTER.total_seconds() + SERVING_SECONDS
TAKEN_OVER_SECONDS = 80.0  # a Sentinel that a busy machine held up for 2 s does nothing for 30 s (TILT)


def kill_the_master(group: SentinelGroup) -> Aftermath:
    group.first.end()
    return Aftermath(working_from=taken_over(group))


def kill_the_master_and_a_sentinel(group: SentinelGroup) -> Aftermath:
    """The two Sentinels that are left are a majority."""
    group.end_a_sentinel()
    return kill_the_master(group)


def freeze_the_master(group: SentinelGroup) -> Aftermath:
    """When it answers again it takes itself for the master still, until the Sentinels tell it otherwise.

    Sentinels ask it once a second, so they see that it is silent up to a second later than where its
    connections end; that is their time.
    """
    freeze(group.first)
    served_from = taken_over(group)
    return Aftermath(served_from, working_from=served_from, mend=partial(thaw, group.first))


def lose_the_master_and_its_replica(group: SentinelGroup) -> Aftermath:
    """The master comes back with its file before a Sentinel can promote anyone."""
    servers = (group.first, group.second)
    for server in servers:
        server.end()
    pass_by(DOWN_AFTER.total_seconds() + 1)
    for server in servers:
        server.start()
    eventually(group.serves, TAKEN_OVER_SECONDS, what="no master is named")
    served_from = time.monotonic()
    return Aftermath(served_from, working_from=served_from)


def taken_over(group: SentinelGroup) -> float:
    """Wait until the replica is the master that a Sentinel names; when that was."""
    began = time.monotonic()
    eventually(
        lambda: group.serves() and group.master_port() == group.second.port,
        TAKEN_OVER_SECONDS,
        what="no failover",
    )
    say(f"a Sentinel named the other server after {time.monotonic() - began:.1f} s")
    return time.monotonic()


HARMS = {
    "killed": Harm(kill_the_master, FAILOVER_SECONDS),
    "frozen": Harm(freeze_the_master, SERVING_SECONDS),
    "killed with a Sentinel": Harm(kill_the_master_and_a_sentinel, FAILOVER_SECONDS),
    "lost with its replica": Harm(lose_the_master_and_its_replica, SERVING_SECONDS),
}
SAMPLE = ["frozen"]
