"""The catalogue of keys: what the documentation shows of it, and that it finds what it should."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from donebit.store import Store, keys
from donebit.store.catalogue import Catalogue, table
from donebit.store.catalogue_rows import BROKER, ROWS, Ttl
from donebit.store.id_shards import Directory
from donebit.store.key_names import BEGUN
from donebit.store.key_names_of_activity import APART
from donebit.store.key_names_of_tasks import shard_of_tasks
from tests.conftest import fault

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = DOCS / "operations.md"
# Of chords, which a cluster does not take, and of no use any more.
NOT_ON_A_CLUSTER = {"done:chords", "flag:erasures"}
NAMES = [
    keys.bitmap("a"),
    *keys.of_task("a"),
    keys.failed_scratch("a"),
    keys.deliveries("a"),
    keys.reply("a", "any key: at all"),
    *keys.of_chord("a"),
    keys.CHORDS,
    keys.LEASES,
    keys.OPEN_TASKS,
    keys.ALL_TASKS,
    *map(keys.pending, ("webhook", "callback", "then")),
    *(shard_of_tasks(index, b"a", 16) for index in keys.of_all_tasks()),
    keys.TASK_SHARDS,
    *keys.of_segment(7, "login", "all"),
    keys.schedule("nightly"),
    keys.SCHEDULES,
    keys.task_permits("a"),
    keys.job_permits("resize"),
    keys.expectation("backup"),
    keys.seen_by("backup"),
    keys.EXPECTATIONS,
    keys.segment(7, "login", "2026-W48"),
    keys.segment(7, "login", "2026-11-28T09"),
    *(keys.segment(7, "login", period + APART) for period in ("all", "2026-W48")),
    *(keys.segments("login", period + APART) for period in ("all", "2026-W48")),
    keys.batch_scratch(7, "0f"),
    keys.query_scratch(7, "0f", 2),
    keys.segments("login", "2026-11"),
    keys.segments("login", "all"),
    keys.event_meta("login"),
    keys.periods("login"),
    keys.EVENTS,
    keys.LAYOUT,
    keys.reclaiming("9f2c41d07a3b", "a-message"),
    keys.ZONE_RULES,
    keys.flag_segment(7, "beta"),
    keys.flag_scratch(7, "0f"),
    keys.flag_staged(7, "0f"),
    keys.flag_segments("beta"),
    keys.flag_meta("beta"),
    keys.FLAGS,
    keys.flag_segment(7, "beta", "0f"),
    keys.flag_segments("beta", "0f"),
    "donebit:flag:erasures",
    keys.permission_names("file"),
    keys.permissions("file", "notes.txt"),
    *(one("users") for one in (keys.numbers, keys.next_number, keys.erasures, keys.erasing)),
    keys.ids_of_numbers("mapped", 3),
    *map(keys.numbers, Directory("mapped", 64).names),
    keys.ids_of_numbers("users-3/64", 67),
    keys.heartbeat("worker"),
    keys.WORKERS,
    keys.HEALS,
    keys.SKEWS,
    keys.SWEEPING,
    keys.confirmation(5),
    keys.steps_in_minute(3),
    keys.METRICS,
    keys.JOBS,
    keys.runs("a"),
    shard_of_tasks(keys.runs_in_shards("a"), b"a", 16),
    keys.throughput(600, 1795230000),
    keys.TROUBLE_LOG,
    keys.WORKER_LOG,
    keys.TOKENS,
    keys.SIGN_OUTS,
    keys.AUDIT,
    *(keys.begun_by("reporter", what) for what in BEGUN),
    keys.requests_in_second(1795230245),
    *map(keys.of_broker, ("donebit.control", "donebit.steps\x06\x163", "unacked", "unacked_index")),
    *map(keys.of_broker, ("unacked_mutex", "_kombu.binding.donebit.control")),
    keys.of_broker("_kombu.binding_permanent.donebit.control"),
    keys.of_broker("_kombu.binding_deadlines"),
]


def test_the_documentation_shows_the_catalogue_as_it_is() -> None:
    assert table() in OPERATIONS.read_text() + "\n"


def test_what_bounds_each_key_that_stays_one_is_documented() -> None:
    patterns = {row.pattern for row in ROWS if row not in BROKER}
    single = {one for one in patterns if "{" not in one and one + ":{<shard>}" not in patterns}

    documented = (DOCS / "cluster.md").read_text()

    assert [one for one in single - NOT_ON_A_CLUSTER if f"`{one}`" not in documented] == []


def test_every_key_that_is_built_has_one_row_and_every_row_a_key() -> None:
    catalogue = Catalogue(keys.prefix)

    rows = {name: catalogue.row_of(name) for name in NAMES}

    assert [name for name, row in rows.items() if row is None] == []
    assert set(rows.values()) == set(ROWS)


def test_the_hash_tag_of_a_row_is_what_braces_hold() -> None:
    catalogue = Catalogue(keys.prefix)

    tags = {name: row.hash_tag for name in NAMES if (row := catalogue.row_of(name))}

    assert all(("{" in name) == bool(tag) for name, tag in tags.items())
    assert tags[keys.permissions("file", "notes.txt")] == "<kind>:<object>"


@pytest.mark.parametrize(
    ("name", "redis_type", "ttl_ms", "why"),
    [
        ("done:open", "zset", 1000, "is not in the catalogue"),
        ("donebit:done:opened", "zset", 1000, "is not in the catalogue"),
        (keys.OPEN_TASKS, "set", 1000, "is a set and should be a zset"),
        (keys.OPEN_TASKS, "zset", -1, "has the TTL -1 ms and should be: expires"),
        (keys.FLAGS, "hash", 1000, "has the TTL 1000 ms and should be: permanent"),
        (keys.batch_scratch(0, "0f"), "string", 1000, "should have gone with its script"),
        (keys.OPEN_TASKS, "zset", 1000, None),
        (keys.FLAGS, "hash", -1, None),
    ],
)
def test_a_key_that_is_not_as_the_catalogue_says_is_a_fault(
    name: str, redis_type: str, ttl_ms: int, why: str | None
) -> None:
    assert fault(name, redis_type, ttl_ms) == why


def test_one_key_has_one_meaning_whatever_events_and_flags_are_called() -> None:
    assert keys.segments("7", "all") != keys.segment(7, "segments", "all")
    assert keys.flag_segments("7") != keys.flag_segment(7, "segments")
    assert keys.flag_meta("7") != keys.flag_segment(7, "meta")


def test_scratch_is_a_rule_of_its_own() -> None:
    assert {row.pattern.partition(":")[0] for row in ROWS if row.ttl is Ttl.SCRATCH} == {
        "done",
        "seen",
        "flag",
    }


@pytest.mark.own_keys("shop:*", "club:*")
def test_two_prefixes_on_one_server_do_not_see_each_other(client: Redis) -> None:
    shop, club = Store.on(client, "shop:"), Store.on(client, "club:")
    shop.task_index.index_task("a", 1, 1, timedelta(hours=1))
    shop.activity_layout.check("UTC")

    assert club.task_index.sizes() == (0, 0)
    club.activity_layout.check("Europe/Berlin")  # its days may begin elsewhere
    assert shop.task_index.sizes() == (1, 1)
