"""`python -m tests.compose.run_containers [FILE]`: what `make test-compose` asks of the containers."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from donebit.demo.local_http import Answer, NoAnswer, ask
from tests.compose.compose_file import CLUSTER_FILE, FILE
from tests.compose.containers import CannotRunHere, Running, built, missing, running
from tests.started import REPOSITORY, eventually

START_SECONDS, WORK_SECONDS = 180.0, 60.0
WORKERS = 3
SYNCED_SECONDS = 2.0  # `appendfsync everysec` promises no less


def main(file: Path) -> int:
    """Check what a compose file starts, or say what this machine lacks for it."""
    if lacking := missing():
        return not_run(f"this machine lacks {', '.join(lacking)}")
    try:
        with built(file) as podman, running(podman, file) as composed:
            for check in CHECKS[file]:
                check(composed)
                sys.stdout.write(f"passed: {file.name}: {check.__doc__}\n")
                sys.stdout.flush()
    except CannotRunHere as error:
        return not_run(str(error))
    return 0


def not_run(why: str) -> int:
    sys.stdout.write(f"the compose file is not run: {why}\n")
    return 0


def all_are_healthy(composed: Running) -> None:
    """every container is healthy by its own check"""
    for service in composed.services:
        is_healthy(composed, service)


def is_healthy(composed: Running, service: str) -> None:
    def healthy() -> bool:
        names = composed.names(service)
        found = [composed.podman.succeeds("podman", "healthcheck", "run", name) for name in names]
        return bool(found) and all(found)

    eventually(healthy, START_SECONDS, what=f"{service} is not healthy")


def work_is_done(composed: Running) -> None:
    """a task of each built-in job is done, and the token is asked for"""
    assert asked(composed, "POST", "trigger", "/trigger/done?count=3", token="").status == 401
    run_task(composed, "/trigger/done?count=40&sleep_ms=10")
    run_task(composed, "/trigger/distinct?count=10")
    assert visitors(composed) > 0


def all_are_confined(composed: Running) -> None:
    """each has a read-only root, no capabilities, limits of memory and processes"""
    for service in composed.services:
        for name in composed.names(service):
            found = composed.podman.inspect(name)
            host = found["HostConfig"]
            assert host["ReadonlyRootfs"], name
            assert not found["EffectiveCaps"], found["EffectiveCaps"]
            assert "no-new-privileges" in str(host["SecurityOpt"]), name
            assert host["Memory"] > 0, name
            assert 0 < host["PidsLimit"] <= 512, name
            assert found["Config"]["User"], name


def images_are_pinned(composed: Running) -> None:
    """the servers run the images that deploy/pin-images.sh has pinned"""
    for service in composed.services:
        for name in composed.names(service):
            image = composed.podman.inspect(name)["ImageName"]
            assert image.startswith("localhost/donebit") or "@sha256:" in image, (name, image)


def workers_are_many(composed: Running) -> None:
    """more workers share the work, and one that is restarted costs nothing"""
    composed.compose("up", "-d", "--no-build", "--scale", f"worker={WORKERS}")
    eventually(lambda: alive(composed) >= WORKERS, START_SECONDS, what="the workers do not come up")
    task = trigger(composed, "/trigger/done?count=200&sleep_ms=200")
    composed.podman.run("podman", "restart", "-t", "60", composed.names("worker")[0])
    await_done(composed, task)


def data_outlive_redis(composed: Running) -> None:
    """Redis's container is killed and starts again, with all data"""
    outlives(composed, "redis")


def outlives(composed: Running, service: str) -> None:
    """Kill the container of a service, and see that nothing is lost and that work goes on."""
    task = trigger(composed, "/trigger/done?count=5&sleep_ms=0")
    await_done(composed, task)
    before = visitors(composed)
    (name,) = composed.names(service)
    time.sleep(SYNCED_SECONDS)
    os.kill(int(composed.podman.inspect(name)["State"]["Pid"]), signal.SIGKILL)
    eventually(
        lambda: asked(composed, "GET", "done", "/health").status == 200, START_SECONDS, what="not back"
    )
    await_done(composed, task)
    eventually(lambda: visitors(composed) == before, WORK_SECONDS, what="visitors are lost")
    run_task(composed, "/trigger/done?count=10&sleep_ms=0")


def asked(composed: Running, method: str, service: str, path: str, token: str | None = None) -> Answer:
    try:
        return ask(method, composed.url(service) + path, 5, composed.token if token is None else token)
    except NoAnswer:
        return Answer(0, {})


def trigger(composed: Running, path: str) -> str:
    answers: list[Answer] = []

    def accepted() -> bool:
        answers.append(asked(composed, "POST", "trigger", path))
        return answers[-1].status == 202

    eventually(accepted, WORK_SECONDS, what=f"{path} is not accepted")
    return str(answers[-1].said["task_id"])


def await_done(composed: Running, task: str) -> None:
    def done() -> bool:
        return asked(composed, "GET", "done", f"/tasks/{task}").said.get("state") == "done"

    eventually(done, WORK_SECONDS, what=f"task {task} is not done")


def run_task(composed: Running, path: str) -> None:
    await_done(composed, trigger(composed, path))


def visitors(composed: Running) -> int:
    return int(asked(composed, "GET", "distinct", "/distinct").said.get("distinct", 0))


def alive(composed: Running) -> int:
    workers = asked(composed, "GET", "done", "/workers").said.get("workers", [])
    return sum(bool(worker["alive"]) for worker in workers)


def nodes_are_six(composed: Running) -> None:
    """the nodes are one cluster, and each primary has a replica"""
    nodes = asked(composed, "GET", "done", "/nodes").said["nodes"]
    assert [node["follows"] is None for node in nodes] == [True, False] * 3, nodes
    assert all(node["well"] for node in nodes), nodes


def data_outlive_a_node(composed: Running) -> None:
    """a node's container is killed and starts again at its address, with all data"""
    outlives(composed, "node-2")


def data_outlive_the_broker(composed: Running) -> None:
    """RabbitMQ's container is killed and starts again, and work goes on"""
    outlives(composed, "rabbitmq")


Checks = tuple[Callable[[Running], None], ...]
CHECKS: Mapping[Path, Checks] = {
    FILE: (
        all_are_healthy,
        work_is_done,
        all_are_confined,
        images_are_pinned,
        workers_are_many,
        data_outlive_redis,
    ),
    CLUSTER_FILE: (
        all_are_healthy,
        work_is_done,
        all_are_confined,
        images_are_pinned,
        nodes_are_six,
        data_outlive_a_node,
        data_outlive_the_broker,
    ),
}

if __name__ == "__main__":
    sys.exit(main(REPOSITORY / (sys.argv[1:] or [FILE.name])[0]))
