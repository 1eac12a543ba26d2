"""What is kept of a chord's parts until its body is called, and where Celery stores their own results."""

from __future__ import annotations

import base64
import math
import uuid
from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import chords
from donebit.completion.chords import ChordTasks
from donebit.store import Store
from tests.servers import RunningServer

GROUP = "3f0c9a4e-0b6e-4f0a-9a52-7d0f3c8c1a11"
PART_ID = "0b9d4b8e-6a39-4c8a-9d4e-3a5b6c7d8e9f"
SHORTENED = b"1;%s7" % base64.b64encode(uuid.UUID(PART_ID).bytes)[:22]
LONG = timedelta(minutes=1)


@pytest.fixture
def tasks(client: Redis, store: Store) -> ChordTasks:
    """The chords, of which one waits for three parts."""
    found = ChordTasks.over(client, store.keys.prefix)
    names: chords.ChordNames = {"group": GROUP, "body": "proj.total"}
    found.start(names, "body", b"the body", expected=3, ttl=timedelta(days=1))
    return found


def test_a_parts_own_result_is_stored_with_its_first_report(tasks: ChordTasks, client: Redis) -> None:
    client.set("other", "stored before")
    part = chords.part_of("a", 0, b"A")
    reports = [
        (part, chords.OwnResult("own", "first", 60)),
        (part, chords.OwnResult("own", "second", 60)),
        (chords.part_of("b", 1, b"B"), chords.OwnResult("other", "first", 60)),
        (chords.part_of("c", 2, b"C"), chords.OwnResult("lasting", "first", 0)),
    ]

    with client.pubsub() as listening:  # type: ignore[no-untyped-call]  # the library leaves it untyped
        listening.subscribe("own")
        answers = [tasks.report(GROUP, one, "token", LONG, own) for one, own in reports]
        heard = [listening.get_message(timeout=1) for _ in range(2)]

    assert [answer.stored for answer in answers] == [True, False, False, True]
    assert client.mget("own", "other", "lasting") == [b"first", b"stored before", b"first"]
    assert (0 < client.ttl("own") <= 60, client.ttl("lasting")) == (True, -1)
    assert [one and one["data"] for one in heard] == [1, b"first"]
    client.unlink("own", "other", "lasting")


@pytest.mark.parametrize(
    ("part_id", "encoded", "shortened"),
    [
        (PART_ID, f'[1,"{PART_ID}","SUCCESS",7]', True),
        (PART_ID, f'[1,"{PART_ID}","SUCCESS",[";",":"]]', True),
        (PART_ID, f'[1,"{PART_ID}","SUCCESS",7]\n', False),
        (PART_ID, f'[1,"{PART_ID}","FAILURE",7]', False),
        (PART_ID, f'[1, "{PART_ID}", "SUCCESS", 7]', False),
        (PART_ID.upper(), f'[1,"{PART_ID.upper()}","SUCCESS",7]', False),
        (PART_ID.replace("-", ""), f'[1,"{PART_ID.replace("-", "")}","SUCCESS",7]', False),
        ("my-own-id", '[1,"my-own-id","SUCCESS",7]', False),
        ("\udc80", '[1,"?","SUCCESS",7]', False),
        (PART_ID, "\x80\x04 a pickle", False),
    ],
)
@pytest.mark.parametrize("index", [0, 47, 255, 256, 2**32, None])
def test_a_result_comes_back_as_it_was_encoded(
    tasks: ChordTasks, index: int | None, part_id: str, encoded: str, shortened: bool
) -> None:
    part = chords.part_of(part_id, index, encoded.encode("latin-1"))
    tasks.report(GROUP, part, "token", LONG)

    (brought,) = tasks.indexed_results(GROUP)

    assert brought == (math.inf if index is None else index, encoded.encode("latin-1"))
    assert (len(part.result) < len(encoded)) is shortened


def test_results_that_an_earlier_version_kept_are_read(
    tasks: ChordTasks, client: Redis, store: Store
) -> None:
    key = store.keys.chord_results(GROUP)
    client.rpush(key, b"2:B", b":C;:C", b"0:A", SHORTENED)
    client.expire(key, 60)

    whole = f'[1,"{PART_ID}","SUCCESS",7]'.encode()
    assert tasks.results(GROUP, by_index=True) == [b"A", whole, b"B", b"C;:C"]


def test_a_part_takes_little_memory_in_whatever_order_it_reports(
    real_store: Store, real_client: Redis
) -> None:
    count, tasks = 500, ChordTasks.over(real_client, real_store.keys.prefix)
    names: chords.ChordNames = {"group": GROUP, "body": "proj.total"}
    tasks.start(names, "body", b"the body", expected=count, ttl=LONG)

    for index in (*range(200, count), *range(1, 200)):
        part_id = str(uuid.uuid4())
        encoded = f'[1,"{part_id}","SUCCESS",{index}]'.encode()
        tasks.report(GROUP, chords.part_of(part_id, index, encoded), "token", LONG)

    kept = [one for one in real_client.scan_iter("*") if GROUP.encode() in one]
    assert sum(real_client.memory_usage(one, samples=0) or 0 for one in kept) < 36 * count


@pytest.mark.usefixtures("real_client")
def test_results_are_read_by_a_client_that_decodes_what_it_reads(
    valkey: RunningServer, real_store: Store
) -> None:
    with Redis.from_url(valkey.url, decode_responses=True) as client:
        decoding = ChordTasks.over(client, real_store.keys.prefix)
        names: chords.ChordNames = {"group": GROUP, "body": "proj.total"}
        decoding.start(names, "body", b"the body", expected=1, ttl=LONG)
        encoded = f'[1,"{PART_ID}","SUCCESS","\u00e9"]'.encode()

        decoding.report(GROUP, chords.part_of(PART_ID, 0, encoded), "token", LONG)

        assert decoding.results(GROUP, by_index=True) == [encoded]
