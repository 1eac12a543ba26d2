"""Times in a file mean what they mean over HTTP, wherever the site's days begin."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from donebit import clock
from tests.command_line.command import Donebit
from tests.ports import named_ports
from tests.servers import RunningServer
from tests.started import Started, eventually
from tests.web.real import RealServices

ZONES = {"west": "America/New_York", "east": "Asia/Kolkata"}
DAY = clock.now().date() - timedelta(days=10)


@pytest.fixture(scope="module")
def sites(
    services: RealServices, own_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, int]]:
    """The port of a distinct_app in each zone, with keys of its own."""
    ports = named_ports(ZONES)
    started = []
    for name, port in ports.items():
        settings = {"DISTINCT_PORT": str(port), "ZONE": ZONES[name], "KEY_PREFIX": f"{name}:"}
        settings |= {"REDIS_URL": own_server.url, "API_TOKEN": "", "HOST": ""}
        folder = tmp_path_factory.mktemp(name)
        started.append(Started([sys.executable, "-m", "distinct_app"], folder, **settings))
    for port in ports.values():
        eventually(RealServices({**services.ports, "distinct": port}).healthy, 30)
    yield ports
    for one in started:
        one.end()


def days_of(donebit: Donebit, event: str, period: str, at: str) -> int:
    return int(donebit("count", event, "--period", period, "--at", at, "--json").json["count"])


@pytest.mark.parametrize("site", ZONES)
def test_a_date_alone_is_a_day_of_the_site(
    donebit: Donebit, sites: dict[str, int], name: str, site: str
) -> None:
    donebit.environment["DISTINCT_PORT"] = str(sites[site])
    first = DAY.replace(day=1)
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{first}\n8,{first:%Y%m%d}\n9,{first:%G-W%V-%u}\n")

    loaded = donebit("load", file, "--event", name, "--json")

    assert (loaded.code, loaded.json["fresh"]) == (0, 3)
    before = first - timedelta(days=1)
    assert [days_of(donebit, name, "day", str(day)) for day in (before, first)] == [0, 3]
    assert [days_of(donebit, name, "month", str(day)) for day in (before, first)] == [0, 3]


@pytest.mark.parametrize("site", ZONES)
def test_one_date_for_all_lines_is_that_day_too(
    donebit: Donebit, sites: dict[str, int], name: str, site: str
) -> None:
    donebit.environment["DISTINCT_PORT"] = str(sites[site])
    file = donebit.folder / "users.csv"
    file.write_text("user\n7\n8\n")

    assert donebit("load", file, "--event", name, "--at", DAY).code == 0

    assert days_of(donebit, name, "day", str(DAY)) == 2


def test_the_sites_day_of_now_is_not_ahead(donebit: Donebit, sites: dict[str, int], name: str) -> None:
    donebit.environment["DISTINCT_PORT"] = str(sites["east"])
    today = datetime.now(ZoneInfo(ZONES["east"])).date()  # after 18:30 UTC it is tomorrow there
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{today}\n")

    assert donebit("load", file, "--event", name).code == 0

    assert days_of(donebit, name, "day", str(today)) == 1


NOON = clock.now().replace(minute=30, second=15, microsecond=0) - timedelta(
    hours=20
)  # hours are kept for two days
SPELLED = [
    f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
    f"{NOON:%Y-%m-%dt%H:%M:%Sz}",
    f"{NOON:%Y-%m-%d %H:%M:%S}",
    f"{NOON:%Y-%m-%d %H:%M:%S} UTC",
    f"{NOON:%Y-%m-%dT%H:%M:%S}.123456789Z",
    f"{NOON:%Y-%m-%dT%H:%M:%S},5+00",
    f"{NOON:%Y-%m-%dT%H:%M:%S}+0000",
    f"{NOON:%Y%m%dT%H%M%SZ}",
    f"{NOON:%G-W%V-%uT%H:%M:%SZ}",
    f"{NOON - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}-05",
]


def test_every_spelling_is_the_same_hour_in_a_file_and_over_http(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    file = donebit.folder / "visits.ndjson"
    file.write_text("".join(json.dumps({"user": user, "at": at}) + "\n" for user, at in enumerate(SPELLED)))

    loaded = donebit("load", file, "--event", name, "--json")
    posted = [
        services.ask("distinct", "POST", f"/events/{name}-http", {"users": [user], "at": at}).status
        for user, at in enumerate(SPELLED)
    ]

    assert (loaded.code, loaded.json["received"]) == (0, len(SPELLED))
    assert set(posted) == {200}
    hour = clock.iso(NOON)
    assert [days_of(donebit, event, "hour", hour) for event in (name, f"{name}-http")] == [len(SPELLED)] * 2


@pytest.mark.parametrize(("unit", "a_second"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_numbers_since_1970_are_read_by_their_unit(
    donebit: Donebit, services: RealServices, name: str, unit: str, a_second: int
) -> None:
    number = int(NOON.timestamp()) * a_second
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{number}\n8,{number}\n")
    path = f"/events/{name}?time_unit={unit}"

    loaded = donebit("load", file, "--event", name, "--time-unit", unit, "--json")
    posted = [
        services.ask("distinct", "POST", path, {"users": [9], "at": number}).status,
        services.ask("distinct", "POST", path, {"users": [10], "at": str(number)}).status,
        services.ask("distinct", "POST", f"{path}&at={number}", {"users": [11]}).status,
    ]

    assert (loaded.code, loaded.json["received"], posted) == (0, 2, [200] * 3)
    assert days_of(donebit, name, "hour", clock.iso(NOON)) == 5


@pytest.mark.parametrize(
    ("at", "unit", "said"),
    [
        ("2026-02-30", (), "at is '2026-02-30'; it must be a time such as"),
        ("2026-02-10T24:01", (), "at is '2026-02-10T24:01'; it must be a time such as"),
        ("1795177815", (), "--time-unit reads numbers since 1970"),
        ("noon", ("--time-unit", "s"), "at is 'noon'; it must be a number, as --time-unit s says"),
        ("2026-02-10", ("--time-unit", "ms"), "it must be a number, as --time-unit ms says"),
        ("1795177815000000", ("--time-unit", "s"), "at is '1795177815000000', which is out of range"),
    ],
)
def test_an_impossible_time_is_refused_with_its_value(
    donebit: Donebit, name: str, at: str, unit: tuple[str, ...], said: str
) -> None:
    file: Path = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{at}\n")

    refused = donebit("load", file, "--event", name, *unit)

    assert refused.code == 1
    assert f"line 2: at is {at!r}" in refused.err
    assert said in refused.err
