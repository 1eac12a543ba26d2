"""A server that is lost while items are uploaded: all of them are there in the end, or no step runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from donebit import ApiError, Donebit, item_pieces
from tests.servers import RunningServer, running, valkey_binary
from tests.web.real import RealServices, running_services

ITEMS = 60_000
LOST_AT = 40_000
TRANSACTION = b"*1\r\n$5\r\nMULTI\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), folder) as server:
        yield server


@pytest.fixture
def services(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with running_services(
        tmp_path_factory.mktemp("services"), server.url, JOBS="tests.integration.own_jobs"
    ) as services:
        yield services


@pytest.fixture
def donebit(services: RealServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Donebit]:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 50_000)
    with Donebit(services.url("trigger"), services.url("done")) as client:
        yield client


def names(lose: Callable[[], None]) -> Iterator[str]:
    """Items, during which something happens."""
    for number in range(ITEMS):
        if number == LOST_AT:
            lose()
        yield f"{number:06}.txt"


def lines_of(services: RealServices, task_id: str, steps: range) -> list[str]:
    paths = [f"/tasks/{task_id}/items/{step}" for step in steps]
    return [services.ask("done", "GET", path).json["item"] for path in paths]


def test_a_server_that_is_killed_meanwhile_has_each_item_once(
    donebit: Donebit, services: RealServices, server: RunningServer
) -> None:
    def kill() -> None:
        server.end()
        server.start()

    task_id = donebit.map("length", names(kill))

    task = donebit.get(task_id)
    steps = range(0, ITEMS, 997)
    assert (task["count"], task["open"], task["state"]) == (ITEMS, False, "running")
    assert lines_of(services, task_id, steps) == [f"{step:06}.txt" for step in steps]


def test_of_items_of_which_a_power_cut_loses_some_no_step_runs(
    donebit: Donebit, server: RunningServer, folder: Path
) -> None:
    def cut_power() -> None:
        server.end()
        (log,) = (folder / "appendonlydir").glob("*.incr.aof")
        written = log.read_bytes()
        log.write_bytes(written[: written.rindex(TRANSACTION, 0, written.rindex(b"XADD"))])
        server.start()

    with pytest.raises(ApiError, match=r"steps, not .* as `from` says"):
        donebit.map("length", names(cut_power), task_id="cut")

    task = donebit.get("cut")
    assert (task["state"], task["done_steps"], task["messages_sent"]) == ("cancelled", 0, 0)
