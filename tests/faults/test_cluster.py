"""A cluster as the store: everything runs on it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.clusters import Cluster
from tests.faults.test_least_privilege import LINES, delivered, refused
from tests.stack import DONE_SECONDS, Stack, ask, started_stack
from tests.started import eventually

DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"
OF_CLUSTER = re.findall(r"^ACL SETUSER .*$", DOCS.read_text(), re.MULTILINE)


def test_everything_runs_on_a_cluster_with_the_documented_user(cluster: Cluster, tmp_path: Path) -> None:
    for node in cluster.primaries:
        for line in (LINES[0], *OF_CLUSTER):
            node.client.execute_command(*shlex.split(line))  # type: ignore[no-untyped-call]  # the library leaves it untyped
        node.client.acl_log_reset()
    store_url = cluster.url.replace("redis://", "redis://donebit:PASSWORD@")
    with started_stack(tmp_path, store_url) as stack:
        use(stack)
        refusals = [one for node in cluster.primaries for one in refused(node.client)]
    for node in cluster.primaries:
        node.client.acl_deluser("donebit")
    cluster.flush()

    assert refusals == []


def use(stack: Stack) -> None:
    """Use every part of the product once, and see that it answers."""
    then = {"job": "demo", "count": 3}
    first = stack.create(300, job="demo", params={"sleep_ms": 1}, then=then)
    stack.await_told(first)
    stack.await_told(stack.create_items(["a", "b"], job="length"), swept=True)
    stack.await_told(stack.trigger_done(5, 0), swept=True)
    assert ask("POST", f"{stack.trigger}/trigger/distinct?count=20").status == 202
    eventually(lambda: delivered(stack.store), DONE_SECONDS, what="an end is not delivered")
    changes: list[tuple[str, str, object]] = [
        ("POST", "/events/seen", {"users": [1, 2, 3_000_000, 4_000_000_000]}),
        ("POST", "/events/texts", {"users": ["a", "b"]}),
        ("PUT", "/flags/letter/users", {"users": [1, 9], "ranges": [[100, 2_000_000]]}),
        ("PUT", "/flags/both", {"text": "seen & flag:letter | seen"}),
        ("DELETE", "/users/2", None),
        ("DELETE", "/events/texts", None),
        ("DELETE", "/flags/letter", None),
    ]
    kept = {path: ask(method, stack.distinct + path, body).status for method, path, body in changes}
    assert set(kept.values()) == {200}, kept
    paths = [
        *((stack.done, f"/tasks/{first}{part}") for part in ("", "/missing", "/failures", "/bitmap")),
        *((stack.done, path) for path in ("/tasks?state=done", "/workers", "/workers/log", "/nodes")),
        *((base, path) for base in stack.services().values() for path in ("/metrics", "/health")),
        *((stack.trigger, page) for page in ("/", "/workers", "/jobs", "/jobs/demo")),
        (stack.distinct, "/distinct"),
        (stack.distinct, "/flags"),
        (stack.distinct, "/flags/both/users"),
        (stack.distinct, "/events/seen/retention"),
        (stack.distinct, "/query?text=seen%20%7C%20flag:both"),
    ]
    answers = {path: ask("GET", f"{base}{path}", within_seconds=20).status for base, path in paths}
    assert set(answers.values()) == {200}, answers
