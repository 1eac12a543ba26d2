"""A report takes a short way through the client; what the long way guards against must not happen on it."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.errors import StoreUnavailable
from donebit.store import Store
from tests.completion.arranged import TTLS
from tests.servers import running, valkey_binary


def test_a_report_is_taken_by_a_server_that_has_forgotten_the_scripts(client: Redis) -> None:
    store = Store.on(client)
    task = lifecycle.start(store, TaskSpec(2), ttls=TTLS, max_steps=2).task
    reporting.report(store, task.id, [0])
    client.script_flush()

    answer = reporting.report(store, task.id, [1])

    assert answer.completed_task


def test_a_late_answer_is_not_taken_for_that_of_the_next_report(tmp_path: Path) -> None:
    with running(valkey_binary(), tmp_path) as server:
        store = Store.at(server.url, connections=1, timeout=timedelta(seconds=0.3))
        task = lifecycle.start(store, TaskSpec(3), ttls=TTLS, max_steps=3).task
        reporting.report(store, task.id, [0])
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(StoreUnavailable):
            reporting.report(store, task.id, [1])
        server.process.send_signal(signal.SIGCONT)

        again = reporting.report(store, task.id, [0])

        assert again.fresh == 0
