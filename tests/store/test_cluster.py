"""A cluster as the store: each command goes to its node, and follows what has moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from donebit.backup.command import back_up
from donebit.completion import lifecycle, reporting
from donebit.config import Settings
from donebit.errors import ConfigurationError, Conflict, StoreUnavailable
from donebit.store import Store
from donebit.store.chords import ChordStore
from donebit.store.client import connect
from donebit.store.packing import call_on
from donebit.store.pipelining import answers_to
from donebit.store.server_client import ServerClient
from donebit.store.slots import slot_of
from donebit.store.store import refuse_unfit
from tests.clusters import Cluster, Node, cluster_of
from tests.completion.arranged import now, start
from tests.servers import RunningServer
from tests.started import eventually

PATIENCE = timedelta(seconds=1)
LETTERS = [f"donebit:done:{{{letter}}}" for letter in "abcdefghijkl"]


def owner_of(cluster: Cluster, key: str) -> tuple[Node, Node]:
    """The primary that has a key's slot, and another one."""
    for node in cluster.primaries:
        try:
            node.client.exists(key)
        except RedisError:
            continue
        return node, next(other for other in cluster.primaries if other is not node)
    raise AssertionError("nobody has the slot")


def migrate(slot: int, source: Node, target: Node) -> None:
    """Move a slot and all its keys at once, as Valkey 9 does it."""
    source.ask("MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
    eventually(lambda: slot_is_at(slot, target), what="the slot did not move")


def slot_is_at(slot: int, node: Node) -> bool:
    ranges = cast(list[list[Any]], node.ask("SLOTS"))
    return any(first <= slot <= last and primary[1] == node.port for first, last, primary, *_ in ranges)


def by_command(client: ServerClient, key: str) -> object:
    return client.get(key)


def by_pipeline(client: ServerClient, key: str) -> object:
    with client.pipeline(transaction=False) as pipe:
        for one in (*LETTERS, key):
            pipe.get(one)
        return pipe.execute()[-1]


def by_transaction(client: ServerClient, key: str) -> object:
    with client.pipeline(transaction=True) as pipe:
        pipe.get(key)
        pipe.time()
        return pipe.execute()[0]


def in_turn(client: ServerClient, key: str) -> object:
    return answers_to(client, [("GET", one) for one in (*LETTERS * 10, key)])[-1]


READS: list[Callable[[ServerClient, str], object]] = [by_command, by_pipeline, by_transaction, in_turn]


def test_keys_of_many_nodes_are_read_and_written_together(on_cluster: ServerClient) -> None:
    with on_cluster.pipeline(transaction=False) as pipe:
        for letter in LETTERS:
            pipe.set(letter, letter)
        assert pipe.execute() == [True] * len(LETTERS)

    assert on_cluster.mget(LETTERS) == [letter.encode() for letter in LETTERS]
    assert sorted(on_cluster.scan_iter()) == [letter.encode() for letter in LETTERS]
    assert all(node.dbsize() for node in on_cluster.primaries())


def test_the_first_error_of_a_pipeline_is_raised_and_the_rest_is_done(on_cluster: ServerClient) -> None:
    on_cluster.set(LETTERS[1], "no number")
    with on_cluster.pipeline(transaction=False) as pipe:
        for letter in LETTERS:
            pipe.incr(letter)
        with pytest.raises(ResponseError, match="not an integer"):
            pipe.execute()

    assert on_cluster.mget(LETTERS) == [b"1", b"no number", *[b"1"] * 10]


@pytest.mark.parametrize("read", READS)
def test_a_slot_that_has_moved_is_followed(
    on_cluster: ServerClient, cluster: Cluster, read: Callable[[ServerClient, str], object]
) -> None:
    on_cluster.set(LETTERS[0], "here")
    source, target = owner_of(cluster, LETTERS[0])
    migrate(slot_of(LETTERS[0]), source, target)

    assert read(on_cluster, LETTERS[0]) == b"here"
    assert read(on_cluster, LETTERS[0]) == b"here"


@pytest.mark.parametrize("read", READS)
def test_a_moved_slot_is_followed_with_a_single_connection(
    on_cluster: ServerClient, cluster: Cluster, read: Callable[[ServerClient, str], object]
) -> None:
    on_cluster.set(LETTERS[0], "here")
    with connect(cluster.url, connections=1, timeout=PATIENCE) as client:
        assert read(client, LETTERS[0]) == b"here"
        source, target = owner_of(cluster, LETTERS[0])
        migrate(slot_of(LETTERS[0]), source, target)

        assert [read(client, LETTERS[0]) for _ in range(2)] == [b"here", b"here"]


def test_a_lost_script_is_sent_over_a_single_connection(on_cluster: ServerClient, cluster: Cluster) -> None:
    for place, letter in enumerate(LETTERS):
        on_cluster.set(letter, place)
    for node in cluster.primaries:
        node.client.script_flush()

    with connect(cluster.url, connections=1, timeout=PATIENCE) as client:
        script = client.register_script("return redis.call('GET', KEYS[1])")
        commands = [("EVALSHA", script.sha, 1, letter) for letter in LETTERS * 10]
        answers = answers_to(client, commands, script)

    assert [int(answer) for answer in answers] == [*range(len(LETTERS))] * 10


def test_a_lost_script_is_sent_for_calls_that_were_packed(on_cluster: ServerClient, cluster: Cluster) -> None:
    script = on_cluster.register_script("return KEYS[2] .. ARGV[1]")
    for node in cluster.primaries:
        node.client.script_flush()

    commands = [call_on(script.sha, f"{{{letter}}}", ["1", "2"], "!") for letter in LETTERS]

    assert answers_to(on_cluster, commands, script) == [f"{{{letter}}}2!".encode() for letter in LETTERS]


@pytest.mark.parametrize("read", [by_command, by_pipeline, in_turn])
def test_a_key_that_went_ahead_of_its_slot_is_found(
    on_cluster: ServerClient, cluster: Cluster, read: Callable[[ServerClient, str], object]
) -> None:
    on_cluster.set(LETTERS[2], "ahead")
    slot = slot_of(LETTERS[2])
    source, target = owner_of(cluster, LETTERS[2])
    target.ask("SETSLOT", slot, "IMPORTING", source.id)
    source.ask("SETSLOT", slot, "MIGRATING", target.id)
    source.client.migrate("127.0.0.1", target.port, LETTERS[2], 0, 1000)

    assert read(on_cluster, LETTERS[2]) == b"ahead"

    source.ask("SETSLOT", slot, "STABLE")
    target.ask("SETSLOT", slot, "NODE", target.id)
    source.ask("SETSLOT", slot, "NODE", target.id)
    assert read(on_cluster, LETTERS[2]) == b"ahead"


def test_a_script_that_waits_for_its_slot_too_long_is_unavailable(
    on_cluster: ServerClient, cluster: Cluster
) -> None:
    store = Store.on(on_cluster)
    task, cancel = start(store, task_id="moving"), store.task_changes.cancel_task
    slot = slot_of("{moving}")
    source, target = owner_of(cluster, "{moving}")
    target.ask("SETSLOT", slot, "IMPORTING", source.id)
    source.ask("SETSLOT", slot, "MIGRATING", target.id)
    try:
        with pytest.raises(StoreUnavailable, match="a slot of the cluster is being moved"):
            cancel(task.id, now_ms=0, token="t", reply_key="not there")
    finally:
        source.ask("SETSLOT", slot, "STABLE")
        target.ask("SETSLOT", slot, "STABLE")


def test_nodes_that_have_lost_their_scripts_get_them_again(
    on_cluster: ServerClient, cluster: Cluster
) -> None:
    store = Store.on(on_cluster)
    tasks = [start(store, 2) for _ in range(8)]
    for node in cluster.primaries:
        node.client.script_flush()

    assert [reporting.report(store, task.id, [0, 1]).completed_task for task in tasks] == [True] * 8
    assert all(now(store, task).ended for task in tasks)


def test_a_node_that_is_away_is_an_outage_of_its_slots_alone(tmp_path: Path) -> None:
    with cluster_of(tmp_path, 3, 0, "--cluster-require-full-coverage", "no") as own:
        first, *_, last = own.primaries
        url = f"redis://127.0.0.1:{last.port},127.0.0.1:{first.port}/0"
        with connect(url, connections=2, timeout=PATIENCE) as client:
            store = Store.on(client)
            tasks = [start(store, 2) for _ in range(12)]
            last.end()
            reached = [is_reached(store, task.id) for task in tasks]

        with connect(url, connections=2, timeout=PATIENCE) as late:
            assert [is_reached(Store.on(late), task.id) for task in tasks] == reached

    assert set(reached) == {True, False}


def is_reached(store: Store, task_id: str) -> bool:
    try:
        lifecycle.get_task(store, task_id)
    except StoreUnavailable:
        return False
    return True


def test_a_cluster_needs_a_broker_beside_it(cluster: Cluster, valkey: RunningServer) -> None:
    store = Store.at(cluster.url, connections=1)

    with pytest.raises(
        ConfigurationError, match=r"REDIS_URL names a cluster, .*: set BROKER_URL to RabbitMQ"
    ):
        refuse_unfit(store, "")
    with pytest.raises(ConfigurationError, match="BROKER_URL names a cluster"):
        refuse_unfit(store, cluster.url)
    refuse_unfit(store, valkey.url)
    refuse_unfit(store, "amqp://localhost")


def test_several_servers_that_are_no_cluster_are_refused(valkey: RunningServer) -> None:
    store = Store.at(valkey.url.replace("/0", f",127.0.0.1:{valkey.port}/0"), connections=1)

    with pytest.raises(ConfigurationError, match="REDIS_URL names several servers"):
        refuse_unfit(store)


@pytest.mark.parametrize("place", range(3))
def test_every_primary_must_keep_what_it_has(cluster: Cluster, place: int) -> None:
    one: Redis = cluster.primaries[place].client
    one.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigurationError, match="allkeys-lru"):
            refuse_unfit(Store.at(cluster.url, connections=1))
    finally:
        one.config_set("maxmemory-policy", "noeviction")


def test_the_figures_of_all_primaries_are_added_up(cluster: Cluster) -> None:
    state = Store.at(cluster.url, connections=1).server.read()

    assert state is not None
    memory = sum(int(node.client.info("memory")["used_memory"]) for node in cluster.primaries)
    assert 0.5 < (state.memory_bytes or 0) / memory < 2
    assert state.append_only is True


def test_chords_of_celery_are_refused_on_a_cluster(cluster: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="result_backend names a node of a cluster"):
        ChordStore.over(cluster.primaries[0].client, "donebit:")


def test_a_backup_of_a_cluster_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="REDIS_URL names a cluster"):
        back_up(Settings(redis_url=cluster.url), tmp_path / "backup", stopped=False)
