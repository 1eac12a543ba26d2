"""A replica is backed up as any server, unless it does not follow its primary: what it has may be old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.addresses import LOOPBACK
from donebit.backup import taking
from donebit.backup.records import RecordWriter
from donebit.errors import Conflict
from donebit.store import Store
from tests.backup.arranged import fill, run, take
from tests.replicas import is_copied, replica_of
from tests.servers import RunningServer
from tests.started import eventually

NO_SERVER = 1  # a port that nobody listens on


@pytest.fixture
def replica(valkey: RunningServer, tmp_path: Path) -> Iterator[RunningServer]:
    fill(valkey)
    with replica_of(valkey, tmp_path / "replica") as replica:
        eventually(lambda: is_copied(replica), what="the replica did not get its data")
        yield replica
    valkey.client.flushall()


def cut_off(replica: RunningServer) -> None:
    """Have it follow a primary that is not there."""
    replica.client.replicaof(LOOPBACK, str(NO_SERVER))


def test_a_replica_that_follows_its_primary_is_backed_up(replica: RunningServer, tmp_path: Path) -> None:
    assert take(replica, tmp_path / "backup").manifest.counts["tasks"] == 205


def test_a_replica_that_lost_its_primary_is_refused(replica: RunningServer, tmp_path: Path) -> None:
    cut_off(replica)

    ended = run(replica, "backup", tmp_path / "backup")

    assert (ended.returncode, ended.stdout) == (3, "")
    assert "does not follow its primary now" in ended.stderr
    assert not (tmp_path / "backup").exists()


def test_a_replica_that_loses_its_primary_meanwhile_gives_no_backup(
    replica: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = taking.copy_at_one_moment

    def copy_and_lose(store: Store, writer: RecordWriter) -> None:
        copy(store, writer)
        cut_off(replica)

    monkeypatch.setattr(taking, "copy_at_one_moment", copy_and_lose)

    with pytest.raises(Conflict, match="does not follow its primary now"):
        take(replica, tmp_path / "backup")

    assert [one.name for one in tmp_path.iterdir()] == ["replica"]
