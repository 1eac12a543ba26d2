"""What is done to the nodes of a cluster, and from when on all of its slots are served again."""

from __future__ import annotations

import re
import signal
import time
from functools import partial
from typing import cast

from donebit.addresses import LOOPBACK
from donebit.store.slots import SLOTS
from tests.clusters import NODE_TIMEOUT_MS, Cluster, Node
from tests.faults.harness.ground import pass_by
from tests.faults.test_outage import thaw
from tests.faults.test_replicas import cut_off
from tests.faults.torture.harms import PARTED_SECONDS, SERVING_SECONDS, Aftermath, Harm
from tests.replicas import is_copied
from tests.started import eventually

MIGRATED_SLOTS, RESHARDED_SLOTS, ADDED_SLOTS = 2000, 1000, 1000
BEHIND_SECONDS = 1.0
FAILOVER_SECONDS = NODE_TIMEOUT_MS / 1000 + SERVING_SECONDS
wait_until = partial(eventually, within_seconds=30.0)  # on a machine with other things to do


def kill_a_primary(cluster: Cluster) -> Aftermath:
    cluster.primaries[1].end()
    return Aftermath()


def kill_a_primary_whose_replica_is_behind(cluster: Cluster) -> Aftermath:
    """Its replica takes over without what it has missed."""
    primary, replica = cluster.primaries[1], cluster.replicas[1]
    began = time.monotonic()
    cut_off(replica, primary)
    pass_by(BEHIND_SECONDS)
    primary.end()
    killed = time.monotonic()
    thaw(replica)
    wait_until(lambda: owns(replica, SLOTS // 2), what="the replica did not take over")
    return Aftermath(lost=(began, killed))


def kill_the_same_and_start_it_again(cluster: Cluster) -> Aftermath:
    """The primary comes back as the replica that the new one lacks for its changes to be confirmed."""
    kill_a_primary_whose_replica_is_behind(cluster)
    back = cluster.primaries[1]
    back.start()
    wait_until(lambda: is_copied(back), what="it does not follow the new primary")
    return Aftermath(served_from=time.monotonic())


def fail_over_as_planned(cluster: Cluster) -> Aftermath:
    cluster.replicas[1].ask("FAILOVER")
    return Aftermath()


def migrate_slots(cluster: Cluster) -> Aftermath:
    source, _, target = cluster.primaries
    source.ask("MIGRATESLOTS", "SLOTSRANGE", 0, MIGRATED_SLOTS - 1, "NODE", target.id)
    wait_until(lambda: owns(target, 0), what="the slots did not move")
    return Aftermath()


def owns(node: Node, slot: int) -> bool:
    found = re.search(rb"myself.* connected ([^[\n]*)", node.ask("NODES"))
    ranges = (part.split(b"-") for part in found[1].split()) if found else ()
    return any(int(part[0]) <= slot <= int(part[-1]) for part in ranges)


def lose_a_primary_and_its_replica(cluster: Cluster) -> Aftermath:
    """No slot of the cluster is served, until both are back with their files."""
    lost = (cluster.primaries[1], cluster.replicas[1])
    for node in lost:
        node.end()
    other = cluster.primaries[0]
    wait_until(lambda: not other.serves(len(cluster.nodes)), what="the cluster serves without its slots")
    for node in lost:
        node.start()
    wait_until(lambda: all(node.serves(len(cluster.nodes)) for node in cluster.nodes))
    return Aftermath(served_from=time.monotonic())


def part_a_primary(cluster: Cluster) -> Aftermath:
    """A primary does not answer for ten seconds; its replica has its slots when it does again."""
    frozen, replica = cluster.primaries[1], cluster.replicas[1]
    frozen.process.send_signal(signal.SIGSTOP)
    pass_by(PARTED_SECONDS)
    wait_until(lambda: b"myself,master" in replica.ask("NODES"), what="the replica did not take over")
    frozen.process.send_signal(signal.SIGCONT)
    # Until it hears of the other it still takes itself for the primary, and answers as it was.
    wait_until(lambda: b"myself,slave" in frozen.ask("NODES"), what="it does not follow its replica")
    return Aftermath()


def reshard_key_by_key(cluster: Cluster) -> Aftermath:
    """As `--cluster reshard` does it, slot by slot."""
    source, _, target = cluster.primaries
    for slot in range(RESHARDED_SLOTS):
        target.ask("SETSLOT", slot, "IMPORTING", source.id)
        source.ask("SETSLOT", slot, "MIGRATING", target.id)
        while keys := cast(list[bytes], source.ask("GETKEYSINSLOT", slot, 100)):
            source.client.migrate(LOOPBACK, target.port, keys, 0, 5000)
        for node in (target, source):
            node.ask("SETSLOT", slot, "NODE", target.id)
    return Aftermath()


def add_a_node(cluster: Cluster) -> Aftermath:
    """A seventh node, which gets slots of each primary."""
    added = cluster.add()
    for number, source in enumerate(cluster.primaries):
        first = number * SLOTS // len(cluster.primaries) + 10
        source.ask("MIGRATESLOTS", "SLOTSRANGE", first, first + ADDED_SLOTS - 1, "NODE", added.id)
        wait_until(partial(owns, added, first), what="the slots did not move")
    return Aftermath()


HARMS = {
    "killed": Harm(kill_a_primary, FAILOVER_SECONDS),
    "killed, replica behind": Harm(kill_a_primary_whose_replica_is_behind, FAILOVER_SECONDS),
    "killed, replica behind, confirmed": Harm(kill_the_same_and_start_it_again, SERVING_SECONDS, replicas=1),
    "failed over": Harm(fail_over_as_planned, SERVING_SECONDS),
    "slots migrated": Harm(migrate_slots, SERVING_SECONDS),
    "lost with its replica": Harm(lose_a_primary_and_its_replica, SERVING_SECONDS),
    "parted": Harm(part_a_primary, FAILOVER_SECONDS),
    "resharded": Harm(reshard_key_by_key, SERVING_SECONDS),
    "node added": Harm(add_a_node, SERVING_SECONDS),
}
