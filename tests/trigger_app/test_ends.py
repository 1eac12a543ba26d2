"""What the stream of ends says of the tasks that a browser waits for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from donebit.completion import failing, reporting
from donebit.store import Store
from tests.completion.arranged import start
from trigger_app.pages.ends import MOST, read_ends


def test_only_ends_are_said_and_each_once(real_store: Store) -> None:
    context: Any = SimpleNamespace(store=real_store)
    running, ended, later = (start(real_store, 2) for _ in range(3))
    real_store.tasks.update_record(later.id, later.nonce, later.run, {"order": "of a later version"})
    reporting.report(real_store, ended.id, [0])
    failing.fail(real_store, ended.id, 1, "no")
    about = f"{running.id},{ended.id},gone,no name,{later.id},"

    found = read_ends(context, about, {})
    again = read_ends(context, about, found)

    assert found[ended.id]["title"] == f"Task {ended.id}: failed"
    assert found[ended.id]["text"].startswith("1 of 2 steps done, 1 failed")
    assert found == {ended.id: found[ended.id], "gone": {"task_id": "gone"}}
    assert again[ended.id] is found[ended.id]


def test_one_browser_waits_for_a_few_tasks(real_store: Store) -> None:
    context: Any = SimpleNamespace(store=real_store)

    found = read_ends(context, ",".join(f"gone-{number}" for number in range(MOST + 1)), {})

    assert len(found) == MOST
