"""`jobs` lists jobs and past runs, against real services."""

from __future__ import annotations

from donebit.completion import announcing
from donebit.store import Store
from tests.command_line.command import Donebit
from tests.servers import RunningServer


def test_jobs_and_the_past_runs_of_one_are_listed(
    donebit: Donebit, name: str, own_server: RunningServer
) -> None:
    donebit("trigger", 3, "--job", "demo", "--task-id", name)
    donebit("fail", name, 1, "no")
    donebit("cancel", "--yes", name)
    announcing.announce(Store.at(own_server.url), name)

    listed, runs = donebit("jobs"), donebit("jobs", "demo")

    assert "visit (no run yet): " in listed.out
    assert f"{name} cancelled" in runs.out
    assert "0 of 3 steps, 1 failed ·x·" in runs.out
    assert donebit("jobs", "demo", "--json").lines[0]["task_id"] == name
    assert donebit("jobs", "nosuch").code == 3
