"""The script of docs/from-bitmapist.md, taken from the page, brings bitmaps of that kind to real services."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis

from tests.docs.pages import imported, write_files
from tests.servers import RunningServer, running, valkey_binary
from tests.started import REPOSITORY
from tests.web.real import RealServices, running_services

PAGE = REPOSITORY / "docs/from-bitmapist.md"
TODAY = datetime.now(UTC)
EVENT = "song:played"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    (file,) = write_files(PAGE, tmp_path_factory.mktemp("project"))
    with imported(file) as module:
        yield module


@pytest.fixture
def services(tmp_path: Path) -> Iterator[RealServices]:
    with running(valkey_binary(), tmp_path) as server, running_services(tmp_path, server.url) as real:
        yield real


def mark(client: Redis, user: int, day: datetime) -> None:
    """The keys that bitmapist's mark_event sets, as it names them: without leading zeros."""
    year, week, _ = day.isocalendar()
    months, weeks = f"{day.year}-{day.month}", f"W{year}-{week}"
    for period in (months, weeks, f"{months}-{day.day}", f"{months}-{day.day}-{day.hour}"):
        client.setbit(f"trackist_{EVENT}_{period}", user, 1)


def asked(services: RealServices, path: str) -> Any:
    return services.ask("distinct", "GET", path).json


def test_days_become_visits_and_unique_events_flags_however_often_run(
    module: ModuleType, services: RealServices, valkey: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    valkey.client.flushall()
    yesterday = TODAY - timedelta(days=1)
    for user, day in ((1, TODAY), (123, TODAY), (123, yesterday), (2_000_000, yesterday)):
        mark(valkey.client, user, day)
    mark(valkey.client, 5, TODAY - timedelta(days=1000))
    valkey.client.setbit("trackist_premium_u", 42, 1)
    scratch = f"trackist_bitop_NOT_trackist_{EVENT}_{TODAY.year}-{TODAY.month}-{TODAY.day}"
    valkey.client.setbit(scratch, 77, 1)

    ends = [module.bring_over(valkey.url, services.url("distinct")) for _ in range(2)]

    event = "/events/song.played"
    counts = [asked(services, f"{event}/count?period={period}")["count"] for period in ("day", "all")]
    assert counts == [2, 3]
    assert asked(services, f"{event}/count?period=day&at={yesterday.date()}")["count"] == 2
    assert asked(services, "/flags/premium/users")["users"] == [42]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 * valkey.client.dbsize()
    assert sum(line.startswith("left out ") for line in said) == 2 * (valkey.client.dbsize() - 4)
    assert ends == [1, 1]  # the day that is too old
    assert sum(" 422 the day " in line and "no longer kept" in line for line in said) == 2


def test_names_that_would_become_one_are_refused_and_no_key_is_silent(
    module: ModuleType, services: RealServices, valkey: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    valkey.client.flushall()
    day = f"{TODAY.year}-{TODAY.month}-{TODAY.day}"
    for user, event in enumerate(("song:played", "song/played", "song.played")):
        valkey.client.setbit(f"trackist_{event}_{day}", user, 1)
        valkey.client.setbit(f"trackist_{event}_u", user, 1)
    valkey.client.setbit("trackist_song.played_2026_11_20", 7, 1)  # of a layout that nobody knows
    valkey.client.setbit(f"trackist_song.played_{TODAY.year}", 7, 1)
    valkey.client.setbit("trackist_unmarked_u", 7, 0)  # as unmark_unique leaves it for the last of its users
    valkey.client.sadd("trackist_set_u", 7)

    failed = module.bring_over(valkey.url, services.url("distinct"))

    said = capsys.readouterr().out.splitlines()
    assert len(said) == valkey.client.dbsize()
    assert failed == sum(line.startswith("REFUSED ") for line in said) == 6
    assert "left out trackist_unmarked_u without a user" in said
    assert asked(services, "/events/song.played/count?period=all")["count"] == 1
    assert asked(services, "/flags/song.played/users")["users"] == [2]


def test_more_users_than_a_request_takes_are_sent_in_several(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDS_A_REQUEST", 2)

    bodies = list(module.packed(b"\xc1\x80"))

    assert bodies == [bytes([0, 0, 0, 0, 1, 0, 0, 0]), bytes([7, 0, 0, 0, 8, 0, 0, 0])]


def test_the_command_for_one_bitmap_takes_its_bytes_and_no_more(
    services: RealServices, valkey: RunningServer, tmp_path: Path
) -> None:
    valkey.client.flushall()
    for user in (1, 6, 42):
        valkey.client.setbit("trackist_premium_u", user, 1)
    take, send = re.findall(r"^(?:python -c|curl -X PUT) .*$", PAGE.read_text(), re.MULTILINE)
    take = take.replace("python", sys.executable, 1).replace("redis://localhost:6379/0", valkey.url)
    send = send.replace("localhost:8096", f"127.0.0.1:{services.ports['distinct']}")

    for command in (take, send):
        subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, capture_output=True)

    assert asked(services, "/flags/premium/users")["users"] == [1, 6, 42]
    assert (tmp_path / "premium.raw").stat().st_size == valkey.client.strlen("trackist_premium_u")
