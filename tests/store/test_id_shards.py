"""Directories in shards: where an id is, which number it gets, and that nothing is lost on the way."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.store import Store, keys, text_ids
from donebit.store.activity_layout import layout
from donebit.store.id_numbers import UNKNOWN
from donebit.store.id_shards import BUCKET, OF_A_CLUSTER, Directory, directory_in
from donebit.store.server_client import router_of
from donebit.store.slots import SLOTS, slot_of

TEXTS = st.sampled_from([f"user {number}" for number in range(300)]) | st.uuids().map(str)


def in_shards(client: Redis, shards: int = OF_A_CLUSTER) -> Store:
    """A new store whose directories are in shards."""
    client.flushall()
    client.set(keys.LAYOUT, layout("UTC", shards))
    return Store.on(client)


@given(st.integers(1, 200), st.data())
def test_every_number_is_given_once_by_the_shard_that_has_its_bucket(
    shards: int, data: st.DataObject
) -> None:
    directory = Directory("users", shards)
    rounds = data.draw(st.integers(1, 3))

    given_by = {
        directory.number_at(shard, place): shard
        for shard in range(shards)
        for place in range(rounds * BUCKET)
    }

    assert sorted(given_by) == list(range(rounds * BUCKET * shards))
    assert all(
        directory.name_at(number // BUCKET) == directory.names[shard] for number, shard in given_by.items()
    )
    shard, first = data.draw(st.integers(0, shards - 1)), data.draw(st.integers(0, 2**20 // shards))
    assert directory.numbers_at(shard, range(first, first + 100)).tolist() == [
        directory.number_at(shard, place) for place in range(first, first + 100)
    ]


@given(st.lists(TEXTS | st.text(max_size=40), min_size=1, max_size=30))
def test_an_id_is_in_the_same_shard_whatever_is_asked_with_it(texts: list[str]) -> None:
    directory, fields = Directory("users", OF_A_CLUSTER), text_ids.packed(texts)
    alone = [directory.shards_of([field]).tolist()[0] for field in fields]

    assert directory.shards_of(fields).tolist() == alone
    uuids = [text for text in texts if len(text_ids.packed([text])[0]) == 16] or [str(UUID(int=7))]
    rows = text_ids.rows_of(uuids)
    assert rows is not None
    assert directory.shards_of(rows).tolist() == directory.shards_of(text_ids.packed(uuids)).tolist()


def test_ids_stay_in_the_shards_that_they_were_in_with_the_first_release() -> None:
    shards = Directory("users", OF_A_CLUSTER).shards_of(
        ["a", "ada@example.org", b"\x00" * 16, b"7", "x" * 200]
    )

    assert shards.tolist() == [50, 2, 0, 19, 43]


@pytest.mark.parametrize(
    "ids",
    [
        [f"user{number}@example.org" for number in range(50_000)],
        [number.to_bytes(16, "big") for number in range(50_000)],
        [b"%d" % (10**9 + 7919 * number) for number in range(50_000)],
    ],
    ids=["mails", "counted UUIDs", "integers"],
)
def test_shards_are_about_as_full_as_each_other(ids: list[str | bytes]) -> None:
    counts = np.bincount(Directory("users", OF_A_CLUSTER).shards_of(ids))

    assert counts.max() < 1.2 * len(ids) / OF_A_CLUSTER


@pytest.mark.parametrize("name", [keys.TEXT_USERS, keys.MAPPED_USERS])
def test_shards_are_shared_evenly_by_a_few_nodes(name: str) -> None:
    for nodes in (3, 4, 5, 6, 8):
        slots = [slot_of(keys.numbers(shard)) for shard in Directory(name, OF_A_CLUSTER).names]
        counts = np.bincount([slot * nodes // SLOTS for slot in slots], minlength=nodes)
        assert counts.max() <= 1.15 * OF_A_CLUSTER / nodes


def test_a_name_says_which_shard_it_is_of_how_many() -> None:
    directory = Directory("users", 64)

    assert directory_in(directory.names[7]) == directory
    assert directory_in("users") == Directory("users", 1)
    assert directory.names[7] == "users-7/64"


@settings(max_examples=15)
@given(st.lists(st.tuples(st.booleans(), st.lists(TEXTS, min_size=1, max_size=80)), max_size=8), st.data())
def test_a_history_of_numbering_and_erasing_is_that_of_a_dict(
    lasting_fake: tuple[Redis, Store],
    lasting_store: tuple[Redis, Store],
    lasting_cluster: tuple[Redis, Store],
    history: list[tuple[bool, list[str]]],
    data: st.DataObject,
) -> None:
    client = data.draw(st.sampled_from([lasting_fake, lasting_store, lasting_cluster]))[0]
    store = in_shards(client, data.draw(st.sampled_from([1, 2, OF_A_CLUSTER])))
    model, used, erased = dict[str, int](), set[int](), 0
    for erases, texts in history:
        if erases:
            for text in texts[:3]:
                assert store.directory.erase_id(text) == (text in model)
                erased += model.pop(text, None) is not None
            assert store.directory.erasures(texts * 64) == erased
            continue
        coming = store.directory.coming({text for text in texts if text not in model})
        numbers = dict(zip(texts, store.directory.number_users(texts), strict=True))
        new = {text: number for text, number in numbers.items() if text not in model}
        assert {text: numbers[text] for text in numbers.keys() & model} == {
            text: model[text] for text in numbers.keys() & model
        }
        assert not used & set(new.values())
        assert len(set(new.values())) == len(new)
        assert all(number in coming for number in new.values())
        model |= new
        used |= set(new.values())
    asked = [*model, "nobody"]
    assert store.directory.known(asked).tolist() == [*model.values(), UNKNOWN]
    assert store.directory.ids_of([*model.values(), 2**31]) == [*model, None]
    assert set(store.directory.erasing()) == used - set(model.values())
    assert store.quotas.amounts().text_ids == len(model)


def test_a_new_store_has_shards_on_a_cluster_alone(
    lasting_fake: tuple[Redis, Store], lasting_cluster: tuple[Redis, Store]
) -> None:
    for client, name in ((lasting_fake[0], "users"), (lasting_cluster[0], "users-")):
        client.flushall()
        store = Store.on(client)
        store.activity_layout.check("UTC")

        store.directory.number_users([f"user {number}" for number in range(200)])
        store.mapped.number_users(list(range(200)))

        begin = f"{keys.numbers(name)[: -len('}:numbers')]}".encode()
        assert all(key.startswith(begin) for key in client.scan_iter("*{users*"))
        assert Store.on(client).directory.number_of("user 199") is not None
        client.flushall()


def test_a_store_that_has_no_shards_stays_so_on_a_cluster(lasting_cluster: tuple[Redis, Store]) -> None:
    store = in_shards(lasting_cluster[0], 1)

    store.activity_layout.check("UTC")

    assert store.directory.number_users(["a", "b"]) == [0, 1]
    lasting_cluster[0].flushall()


@pytest.mark.parametrize("ids", [[f"{number:036}" for number in range(3000)], ["a", "b" * 20, "c"]])
def test_a_question_that_a_node_refuses_goes_to_the_one_that_has_the_slot(
    lasting_cluster: tuple[Redis, Store], ids: list[str]
) -> None:
    store, router = in_shards(lasting_cluster[0]), router_of(lasting_cluster[0])
    numbers = store.directory.number_users(ids)
    assert router is not None
    primaries = router.nodes.primaries()

    for shard in Directory("users", OF_A_CLUSTER).names:
        slot = slot_of(keys.numbers(shard))
        wrong = next(one for one in primaries if one != router.nodes.primary_of(slot))
        router.nodes._primaries[slot] = wrong  # as after a migration of the slot that nobody has said yet

    assert store.directory.known(ids).tolist() == numbers
    lasting_cluster[0].flushall()
