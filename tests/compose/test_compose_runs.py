"""Every command of docker-compose.yml starts, is healthy by its own check, and works with the others."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError

from donebit.demo.local_http import ask
from tests.compose.composed import ADMIN, PASSWORD, TOKEN, Composed
from tests.stack import ANSWER_SECONDS
from tests.started import PROCESSES, Started, eventually

ALL = ("redis", "trigger", "done", "distinct", "worker", "beat")
SERVICES = {"trigger": "8098", "done": "8097", "distinct": "8096"}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """All parts, and a second worker."""
    all_parts = Composed(tmp_path_factory.mktemp("compose"))
    try:
        for name in ALL:
            all_parts.up(name)
            if name == "redis":  # as depends_on has it
                eventually(partial(all_parts.is_healthy, name), what=all_parts.started[0].out)
        all_parts.up("worker")
        yield all_parts
    finally:
        all_parts.end()


def written(started: Started) -> str:
    return started.out + started.err


def run_task(composed: Composed, path: str) -> str:
    """Trigger a task and wait until done_app says it is done; its id."""
    answer = ask("POST", composed.url("8098") + path, ANSWER_SECONDS, TOKEN)
    assert answer.status == 202, answer
    task_id = str(answer.said["task_id"])
    task = f"{composed.url('8097')}/tasks/{task_id}"
    eventually(
        lambda: ask("GET", task, ANSWER_SECONDS, TOKEN).said.get("state") == "done",
        20,
        what=f"{path} is not done",
    )
    return task_id


@pytest.mark.parametrize("name", ALL)
def test_every_part_is_found_healthy_by_its_own_check(composed: Composed, name: str) -> None:
    eventually(lambda: composed.is_healthy(name), 20, what="\n".join(map(written, composed.started)))


def test_two_workers_share_a_task(composed: Composed) -> None:
    def shared() -> bool:
        task = run_task(composed, "/trigger/done?count=60&sleep_ms=50")
        return all(f"of task {task}" in written(worker) for worker in parts(composed, "worker"))

    eventually(shared, 20, what="one worker did all the work")  # the second one may start late


def test_the_job_visit_reaches_the_service_distinct(composed: Composed) -> None:
    run_task(composed, "/trigger/distinct?count=4")


@pytest.mark.parametrize("name", SERVICES)
def test_the_services_ask_for_the_token(composed: Composed, name: str) -> None:
    eventually(lambda: composed.is_healthy(name))

    assert status(composed, name, "/metrics", f"{name}:{SERVICES[name]}") == 401


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_answers_to_its_own_name_and_to_no_strangers(composed: Composed, name: str) -> None:
    eventually(lambda: composed.is_healthy(name))

    assert status(composed, name, "/health", f"{name}:{SERVICES[name]}") == 200
    assert status(composed, name, "/health", "stranger.example") == 403


def test_the_user_of_the_services_may_do_no_more_than_it_needs(composed: Composed) -> None:
    run_task(composed, "/trigger/done?count=3&sleep_ms=0")

    with composed.server() as admin, composed.server("donebit", PASSWORD) as donebit:
        refused = [entry["object"] for entry in admin.acl_log()]
        with pytest.raises(NoPermissionError):
            donebit.config_get("requirepass")
        with pytest.raises(NoPermissionError):
            donebit.get("somebody:elses")
        assert admin.config_get("maxmemory")["maxmemory"] == str(1024**3)

    assert refused == []


def test_no_administrator_exists_unless_asked_for(tmp_path: Path) -> None:
    alone = Composed(tmp_path, REDIS_ADMIN_PASSWORD="", CALLBACKS="reports.finished")
    try:
        alone.up("redis")
        eventually(partial(alone.is_healthy, "redis"), what="the server did not start")
        for password in ("", ADMIN, PASSWORD):
            with alone.server(password=password) as client, pytest.raises(AuthenticationError):
                client.ping()
        with alone.server("donebit", PASSWORD) as donebit:
            assert donebit.llen("celery") == 0
    finally:
        alone.end()


def test_no_process_list_shows_the_password(composed: Composed) -> None:
    families = set.union(*(part.family() for part in composed.started))

    lines = [(PROCESSES / str(pid) / "cmdline").read_bytes() for pid in families]

    assert lines
    secrets = [text.encode() for text in (PASSWORD, ADMIN, TOKEN)]
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_no_part_writes_where_its_container_is_read_only(composed: Composed) -> None:
    eventually(lambda: composed.is_healthy("beat"), 20)

    homes = [home for home in composed.homes if not home.name.endswith("redis")]  # that has its volume
    left = {file.name for home in homes for file in home.iterdir()}

    assert left == {"0.out", "0.err"}


def parts(composed: Composed, name: str) -> list[Started]:
    every = zip(composed.homes, composed.started, strict=True)
    return [started for home, started in every if home.name.endswith(name)]


def status(composed: Composed, name: str, path: str, host: str) -> int:
    at = urlsplit(composed.url(SERVICES[name]))
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()
