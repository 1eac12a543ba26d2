"""The directories: a dense number for each id, and the id of each number, for good."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hiredis import pack_command
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.errors import Conflict
from donebit.store import Store, directory, keys, numbering, packing_rows, text_ids
from donebit.store.id_numbers import UNKNOWN
from donebit.store.id_shards import BUCKET
from donebit.store.numbering import Asked, Numbering
from donebit.store.text_ids import packed, unpacked
from tests.clustered import in_one_piece

UUID = "0194f2a1-7c3e-7b52-9d06-5f4e3a2b1c00"
LIKE_UUIDS = [
    UUID,
    UUID.replace("-", "_"),
    UUID.replace("a", "g"),
    UUID.replace("a", "?"),
    "é" + UUID[1:],
    "€" + UUID[1:],
    UUID.replace("-", ""),
    f"{{{UUID}}}",
]
OF_SIXTEEN_BYTES = ["sixteen bytes ok", "ä" * 8, "\x00" * 16, "€" * 5 + "x"]
TEXTS = (
    st.text(min_size=1, max_size=40) | st.uuids().map(str) | st.sampled_from(LIKE_UUIDS + OF_SIXTEEN_BYTES)
)


@settings(deadline=None)
@given(st.lists(st.uuids().map(str) | st.sampled_from(LIKE_UUIDS), min_size=1, max_size=9), st.data())
def test_a_uuid_is_one_user_in_either_case(texts: list[str], data: st.DataObject) -> None:
    cased = ["".join(data.draw(st.sampled_from([c, c.upper()])) for c in text) for text in texts]
    uuids = [number for number, text in enumerate(texts) if text.isascii() and is_uuid(text)]

    kept, cased_kept = packed(texts), packed(cased)

    assert [kept[number] for number in uuids] == [cased_kept[number] for number in uuids]
    assert [packed([text.upper()])[0] for text in texts if is_uuid(text)] == [
        kept[number] for number in uuids
    ]


def is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


@given(st.lists(TEXTS, max_size=20))
def test_every_text_comes_back_as_it_was_and_no_two_are_kept_alike(texts: list[str]) -> None:
    fields = [field.encode() if isinstance(field, str) else field for field in packed(texts)]

    assert [unpacked(field) for field in fields] == texts
    assert len(set(fields)) == len(set(texts))


def test_a_text_of_sixteen_bytes_is_not_taken_for_the_uuid_of_these_bytes(store: Store) -> None:
    for text in OF_SIXTEEN_BYTES:
        twin = str(uuid.UUID(bytes=text.encode()))

        one, other = store.directory.number_users([text, twin])

        assert one != other
        assert store.directory.ids_of([one, other]) == [text, twin]


def test_a_uuid_takes_sixteen_bytes_in_both_directions(store: Store, client: Redis) -> None:
    in_one_piece(store)
    store.directory.number_users([UUID])

    raw = uuid.UUID(UUID).bytes
    assert client.hgetall(keys.numbers("users")) == {raw: bytes(4)}
    assert client.lrange(keys.ids_of_numbers("users", 0), 0, -1) == [raw]


@pytest.mark.parametrize("size", [1, BUCKET - 1, BUCKET, BUCKET + 1, 3 * BUCKET + 5])
def test_numbers_are_dense_over_many_calls_and_lead_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    in_one_piece(store)
    monkeypatch.setattr(numbering, "NEW_A_CALL", 10)
    monkeypatch.setattr(numbering, "NEW_A_PIPELINE", 3)
    monkeypatch.setattr(directory, "IDS_A_CALL", 7)
    texts = [f"user {number}" for number in range(size)]

    numbers = store.directory.number_users([*texts, *texts])

    assert numbers == [*range(size), *range(size)]
    assert store.directory.ids_of(numbers) == [*texts, *texts]
    assert store.directory.known([*texts, "nobody"]).tolist() == [*range(size), UNKNOWN]
    assert store.directory.coming(["one", "two"]) == range(size, size + 2)
    assert len(store.directory.coming([])) == 0


def test_numbers_of_four_bytes_lead_back_too(store: Store, client: Redis) -> None:
    in_one_piece(store)
    client.set(keys.next_number("users"), 2**24 - BUCKET)
    texts = [f"user {number}" for number in range(BUCKET + 2)]

    numbers = store.directory.number_users(texts)

    assert numbers == list(range(2**24 - BUCKET, 2**24 + 2))
    assert [store.directory.number_of(text) for text in texts] == numbers
    assert store.directory.ids_of(numbers) == texts


def test_any_few_numbers_lead_back_in_the_order_asked(store: Store) -> None:
    in_one_piece(store)
    texts = [f"user {number}" for number in range(2 * BUCKET + 7)]
    store.directory.number_users(texts)
    store.directory.erase_id("user 70")

    found = store.directory.ids_of([2 * BUCKET + 7, 9, 71, 70, 3, 9, 2 * BUCKET + 6, 10 * BUCKET])

    assert found == [None, "user 9", "user 71", None, "user 3", "user 9", f"user {2 * BUCKET + 6}", None]


def test_looking_gives_nobody_a_number(store: Store, client: Redis) -> None:
    assert store.directory.number_of("nobody") is None
    assert store.directory.known(["nobody"]).tolist() == [UNKNOWN]
    assert store.directory.ids_of([0, 7]) == [None, None]
    assert client.keys() == []


def test_integers_have_a_directory_of_their_own(store: Store) -> None:
    in_one_piece(store)
    store.directory.number_users(["x", "7"])

    assert store.mapped.number_users([2**32 - 1, 7, 0]) == [0, 1, 2]
    assert store.mapped.ids_of([2, 0, 1, 3]) == [0, 2**32 - 1, 7, None]
    assert store.mapped.number_of(5) is None


def test_whoever_counted_on_numbers_that_others_took_asks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_one_piece(store)
    monkeypatch.setattr(numbering, "SPARE_BUCKETS", 0)
    monkeypatch.setattr(numbering, "NEW_A_CALL", BUCKET)
    calls, interruptions = Numbering._calls, [None]

    def others_first(*arguments: Any) -> object:
        if interruptions:
            interruptions.pop()
            store.directory.number_users([f"other {number}" for number in range(BUCKET + 9)])
        return calls(*arguments)

    monkeypatch.setattr(Numbering, "_calls", others_first)
    texts = [f"user {number}" for number in range(2 * BUCKET)]

    numbers = store.directory.number_users(texts)

    assert numbers == list(range(BUCKET + 9, 3 * BUCKET + 9))
    assert store.directory.ids_of(numbers) == texts


@pytest.mark.parametrize("count", [0, 1, 9, 10, 99, 1000])
@pytest.mark.parametrize("width", [1, 9, 10, 16, 36])
def test_a_command_with_rows_is_sent_like_one_with_as_many_arguments(count: int, width: int) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (count, width), np.uint8)

    sent = packing_rows.with_rows("HMGET", "key", rows)

    arguments = [b"HMGET", b"key", *(row.tobytes() for row in rows)]
    assert (sent, sent.arguments) == (pack_command(tuple(arguments)), arguments)


ALIKE = st.sampled_from(["uuid", "UUID", "no uuid", "a dash", "no digit", "not ASCII"])


def of_kind(kind: str, number: int) -> str:
    """A text of 36 characters."""
    as_uuid = str(uuid.UUID(int=0xABCDEF << 100 | number))
    return {
        "uuid": as_uuid,
        "UUID": as_uuid.upper(),
        "no uuid": f"{number:036}",
        "a dash": f"{number:08}-{number:027}",
        "no digit": as_uuid[:-1] + "g",
        "not ASCII": f"{number:035}ü",
    }[kind]


@given(st.lists(st.tuples(ALIKE, st.integers(0, 2000)), min_size=1, max_size=6))
def test_rows_of_texts_are_the_fields_that_the_directory_keeps(drawn: list[tuple[str, int]]) -> None:
    texts = [of_kind(kind, number) for kind, number in drawn]

    rows = text_ids.rows_of(texts)

    kept = [text_ids.uuids_in([text])[0] for text in texts]
    fields = [field.encode() if isinstance(field, str) else field for field in kept]
    if {kind.lower() for kind, _ in drawn} in ({"uuid"}, {"no uuid"}):
        assert rows is not None
    assert rows is None or [row.tobytes() for row in rows] == fields


@pytest.mark.parametrize("known", [0, 1, 3, 6])
def test_new_and_known_ids_and_repeated_ones_are_numbered_in_one_call(store: Store, known: int) -> None:
    in_one_piece(store)
    low, high = str(uuid.UUID(int=0xABCDEF << 100)), str(uuid.UUID(int=0xABCDEF << 100)).upper()
    texts = ["new", "b", low, "a", "b", high, "new", "last", "x" * 36, "ü" * 36]
    before = dict(zip(texts, store.directory.number_users(texts[:known]) if known else [], strict=False))

    numbers = store.directory.number_users(texts)

    assert numbers == [numbers[texts.index(low if text == high else text)] for text in texts]
    assert sorted(set(numbers)) == list(range(7))
    assert {text: numbers[texts.index(text)] for text in before} == before
    assert store.directory.ids_of(numbers) == [low if text == high else text for text in texts]


def test_new_numbers_are_noted_once_each_and_none_of_a_known_id(store: Store) -> None:
    noted = list[list[int]]()
    (known,) = store.directory.number_users(["known"], noted.append)

    numbers = store.directory.number_users(["known", UUID, "new", UUID.upper(), "new"], noted.append)
    store.directory.number_users(["known", UUID], noted.append)

    assert noted == [[known], sorted(set(numbers) - {known})]


def test_a_batch_over_many_calls_numbers_them_in_the_order_of_its_ids(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_one_piece(store)
    monkeypatch.setattr(numbering, "NEW_A_CALL", 7)
    monkeypatch.setattr(numbering, "NEW_A_PIPELINE", 3)
    store.directory.number_users(["user 30", "user 5"])
    texts = [f"user {number % 60}" for number in range(100)]

    numbers = store.directory.number_users(texts)

    wanted = dict(zip(dict.fromkeys(["user 30", "user 5", *texts]), range(60), strict=True))
    assert numbers == [wanted[text] for text in texts]


@pytest.mark.own_keys("nothing")
def test_whoever_never_comes_to_number_is_told(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any) -> Iterator[tuple[Any, ...]]:
        *_, remaining, _, asked = arguments
        for part in remaining:
            asked.append(Asked(part, ["a"], ("a",)))
            yield ("LRANGE", "nothing", 0, -1)

    monkeypatch.setattr(Numbering, "_calls", refused)
    client.rpush("nothing", "9")

    with pytest.raises(Conflict, match="numbered too fast; send the visits again"):
        store.directory.number_users(["a"])

    assert list(client.scan_iter()) == [b"nothing"]


def test_a_server_that_has_forgotten_the_script_is_told_it_again(store: Store, client: Redis) -> None:
    in_one_piece(store)
    before = store.directory.number_users(["a"])

    client.script_flush()

    assert store.directory.number_users(["b", "a", "c"]) == [1, *before, 2]


def test_many_who_number_at_once_get_dense_numbers_that_lead_back(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_one_piece(real_store)
    monkeypatch.setattr(numbering, "SPARE_BUCKETS", 1)
    monkeypatch.setattr(numbering, "NEW_A_CALL", 100)
    texts = [f"user {number}" for number in range(3000)]

    def number(seed: int) -> dict[str, int]:
        mixed = random.Random(seed).sample(texts, 2000)
        return dict(zip(mixed, real_store.directory.number_users(mixed), strict=True))

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(number, range(8)))

    agreed = {text: number for one in found for text, number in one.items()}
    assert all(agreed[text] == number for one in found for text, number in one.items())
    assert sorted(agreed.values()) == list(range(len(agreed)))
    assert real_store.directory.ids_of(list(agreed.values())) == list(agreed)
