"""The commands of the systemd units, started and ended as systemd does it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from tests.deploy.conftest import DEPLOY
from tests.servers import RunningServer
from tests.stack import ask
from tests.started import Started, eventually

UNITS = DEPLOY / "systemd"
PYTHON = "/opt/donebit/venv/bin/python"
START_SECONDS = 60.0
SERVICES = {"trigger_app": "TRIGGER_PORT", "done_app": "DONE_PORT", "distinct_app": "DISTINCT_PORT"}


def settings_of(unit: str) -> dict[str, str]:
    """The settings of a unit, of each the last."""
    lines = (line.partition("=") for line in (UNITS / unit).read_text().splitlines())
    return {name: value for name, equals, value in lines if equals and not name.startswith("#")}


def started(unit: str, instance: str, folder: Path, **environment: str) -> Started:
    """The process of a unit's command, with its specifiers filled in."""
    command = settings_of(unit)["ExecStart"].replace("%i", instance).replace("%H", "here")
    program, *arguments = command.split()
    assert program == PYTHON
    return Started((sys.executable, *arguments), folder, **environment)


def ends(process: Started, unit: str) -> bool:
    """Whether it ends without an error, in the time that it is given."""
    process.send(signal.SIGTERM)
    return process.exit_code(float(settings_of(unit)["TimeoutStopSec"])) == 0


def workers_of(url: str) -> list[dict[str, object]]:
    """The workers that a service knows; none while it does not answer."""
    return list(ask("GET", f"{url}/workers").said.get("workers", ()))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_by_its_unit_and_ends(tmp_path: Path, valkey: RunningServer, service: str) -> None:
    port = str(free_server_port())
    process = started(
        "donebit@.service", service, tmp_path, REDIS_URL=valkey.url, **{SERVICES[service]: port}
    )
    try:
        url = f"http://127.0.0.1:{port}/health/live"
        eventually(lambda: ask("GET", url).said.get("service") == service, START_SECONDS, what=process.err)

        assert ends(process, "donebit@.service")
    finally:
        process.end()


def test_a_setting_that_does_not_fit_is_not_tried_again(tmp_path: Path) -> None:
    process = started("donebit@.service", "done_app", tmp_path, REDIS_URL="nonsense")

    assert (
        str(process.exit_code(START_SECONDS)) == settings_of("donebit@.service")["RestartPreventExitStatus"]
    )


def test_workers_and_beat_of_one_machine_start_by_their_units(tmp_path: Path, valkey: RunningServer) -> None:
    port, common = str(free_server_port()), {"REDIS_URL": valkey.url, "WORKER_PROCESSES": "1"}
    folders = [tmp_path / name for name in ("service", "1", "2", "beat")]
    for folder in folders:
        folder.mkdir()
    service = started("donebit@.service", "done_app", folders[0], DONE_PORT=port, **common)
    workers = [started("donebit-worker@.service", one, tmp_path / one, **common) for one in ("1", "2")]
    beat = started("donebit-beat.service", "", folders[3], **common)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: len(workers_of(url)) == 2, START_SECONDS, what="the workers are not seen")
        eventually(lambda: ask("GET", f"{url}/health").said["sweep"]["seen"], START_SECONDS, what="no sweep")

        assert all(ends(worker, "donebit-worker@.service") for worker in workers)
        assert ends(beat, "donebit-beat.service")
    finally:
        for one in (service, *workers, beat):
            one.end()
