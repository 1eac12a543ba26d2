"""Backup, restore and a move to another server, as docs/backup.md tells them: nobody is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from redis import Redis

from donebit.activity.periods.calendar import Granularity
from donebit.errors import ConfigurationError
from donebit.store import Store, activity_layout
from tests.activity.arranged import count, record, record_packed, site_on
from tests.conftest import everything
from tests.servers import RunningServer, redis_binary, running, valkey_binary
from tests.started import eventually

TEXTS = ["ada", "grace", "3f2c9b1e-8a55-4d41-9a3e-0e9a5f7c1d20"]


def fill(server: RunningServer) -> None:
    store = Store.on(server.client)
    record_packed(store, range(0, 2_000_000, 3), "active")
    record(store, TEXTS, "named")


def said(server: RunningServer) -> list[int]:
    store = Store.on(server.client)
    return [count(store, event, granularity) for event in ("active", "named") for granularity in Granularity]


def synced(server: RunningServer) -> bool:
    return bool(server.client.info("replication").get("master_link_status") == "up")


def test_a_replica_that_is_let_go_has_everything_and_takes_visits(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with running(valkey_binary(), tmp_path / "old") as old, running(valkey_binary(), tmp_path / "new") as new:
        fill(old)
        new.client.replicaof("127.0.0.1", str(old.port))
        eventually(lambda: synced(new), 30, what="the replica did not catch up")
        record(Store.on(old.client), [1], "active")
        eventually(
            lambda: everything(new.client) == everything(old.client), 30, what="the last visit is missing"
        )

        old.end()
        new.client.replicaof("no", "one")

        assert said(new) == [666_668] * 5 + [3] * 5
        assert record(Store.on(new.client), ["ada", "new"], "named").fresh_ever == 1


def test_a_copied_snapshot_starts_as_another_server(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with running(valkey_binary(), tmp_path / "old") as old:
        fill(old)
        old.client.bgrewriteaof()
        eventually(lambda: old.client.info("persistence")["aof_rewrite_in_progress"] == 0, 30)
        eventually(lambda: old.client.info("persistence")["aof_rewrite_scheduled"] == 0, 30)
        shutil.copytree(tmp_path / "old" / "appendonlydir", tmp_path / "new" / "appendonlydir")
        before = said(old)
    with running(valkey_binary(), tmp_path / "new") as new:
        assert said(new) == before == [666_667] * 5 + [3] * 5


def test_another_zone_is_refused_on_what_was_moved(tmp_path: Path) -> None:
    with running(redis_binary() or valkey_binary(), tmp_path) as server:
        fill(server)

        with pytest.raises(ConfigurationError, match=r"zone=UTC.*zone=Europe/Berlin.*docs/backup.md"):
            site_on(Store.on(server.client)).store.activity_layout.check("Europe/Berlin")


def test_a_store_that_is_emptied_under_a_service_gets_its_layout_again(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, [1], "active")
    client.flushall()
    record(store, [1], "active")
    monkeypatch.setattr(activity_layout, "CHECK_EVERY_SECONDS", 0)

    record(store, [2], "active")

    with pytest.raises(ConfigurationError, match=r"zone=UTC.*zone=Europe/Berlin"):
        Store.on(client).activity_layout.check("Europe/Berlin")
