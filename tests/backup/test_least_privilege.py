"""The user that docs/operations.md makes on the server may back up and restore."""

from __future__ import annotations

from pathlib import Path

from tests.backup.arranged import held, run
from tests.faults.test_least_privilege import allow, refused, url_of
from tests.servers import RunningServer


def test_the_documented_user_backs_up_and_restores(
    full: RunningServer, empty: RunningServer, tmp_path: Path
) -> None:
    before = held(full.client)
    for server in (full, empty):
        allow(server.client)
        server.client.acl_log_reset()
    try:
        taken = run(full, "backup", tmp_path / "backup", REDIS_URL=url_of(full.port))
        restored = run(empty, "restore", tmp_path / "backup", REDIS_URL=url_of(empty.port))
        said = [refused(server.client) for server in (full, empty)]
    finally:
        for server in (full, empty):
            server.client.acl_deluser("donebit")

    assert (taken.returncode, restored.returncode) == (0, 0), taken.stderr + restored.stderr
    assert held(empty.client) == before
    assert said == [[], []]
