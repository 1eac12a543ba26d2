"""What several servers say of themselves in INFO, as one."""

from __future__ import annotations

from donebit.store.server_state import ServerState, together

KEEPS = {"used_memory": 7, "maxmemory": 10, "aof_enabled": 1, "aof_last_write_status": "ok"}
WELL = ServerState.from_info({**KEEPS, "aof_last_bgrewrite_status": "ok"})
UNWELL = ServerState.from_info({**KEEPS, "aof_last_bgrewrite_status": "err"})
UNLIMITED = ServerState.from_info({"used_memory": 1, "maxmemory": 0, "aof_enabled": 0})
SILENT = ServerState.from_info({})


def test_what_no_server_says_is_not_said_of_all_of_them() -> None:
    assert together([SILENT, SILENT]) == SILENT


def test_servers_without_an_append_only_file_have_none_that_is_well() -> None:
    state = together([UNLIMITED, UNLIMITED])

    assert (state.append_only, state.append_only_ok) == (False, None)


def test_one_server_that_is_unwell_or_unlimited_is_enough() -> None:
    assert together([WELL, UNWELL]).append_only_ok is False
    assert together([WELL, WELL]).memory_limit_bytes == 20
    assert together([WELL, UNLIMITED]).memory_limit_bytes == 0
    assert together([WELL, UNLIMITED]).append_only is False
    assert together([WELL, SILENT]) == WELL
