"""A load that is killed, stopped or cut off continues where it stopped, and counts nothing twice."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit import clock
from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_port
from tests.command_line.command import IN_TIME, Donebit
from tests.command_line.visits import Visit, counted, expected, fresh, some, write_csv
from tests.forked import ForkedCommand
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.servers import RunningServer
from tests.started import Started, eventually
from tests.web.real import RealServices

SIZE = 40_000
SMALL = ("--batch", "1000")


@pytest.fixture
def visits() -> list[Visit]:
    return some(SIZE, seed=7, days=1, users=2000)


@pytest.fixture
def file(tmp_path: Path, visits: list[Visit]) -> Path:
    return write_csv(tmp_path / "visits.csv", visits)


def state_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.donebit-load")


def received(state: Path) -> int:
    """As the state says; 0 before there is one."""
    try:
        return int(json.loads(state.read_text())["progress"]["received"])
    except FileNotFoundError:
        return 0


@pytest.fixture
def way(services: RealServices) -> Iterator[LossyWay]:
    """A way to distinct_app on which a load can be held."""
    with lossy_way_to(services.url("distinct")) as way:
        yield way


def lead(donebit: Donebit, way: LossyWay) -> None:
    """Have the command reach distinct_app over a way."""
    donebit.environment["DISTINCT_PORT"] = way.url.rpartition(":")[2]


def start_and_wait(
    donebit: Donebit, way: LossyWay, file: Path, event: str, visits: int, *options: object
) -> ForkedCommand:
    """A load that has come so far, and gets no further until it is released."""
    lead(donebit, way)
    state = Path(str(options[-1])) if options else state_of(file)
    way.is_held = lambda: received(state) >= visits
    loading = donebit.start("load", file, "--event", event, *SMALL, *options)
    eventually(way.is_held, IN_TIME, what="it does not get on")
    return loading


def test_killed_in_the_middle_it_goes_on_and_every_count_is_exact(
    donebit: Donebit, way: LossyWay, name: str, file: Path, visits: list[Visit]
) -> None:
    for part in (SIZE // 10, SIZE // 3):
        loading = start_and_wait(donebit, way, file, name, part)
        loading.kill()
        loading.communicate()
        way.release()

    last = donebit("load", file, "--event", name, *SMALL, "--json")

    assert last.code == 0
    assert last.err.startswith("resuming after line ")
    assert last.json["received_before"] >= SIZE // 3
    assert last.json["received"] == SIZE
    assert last.json["fresh_is_exact"] is False
    assert 0 < last.json["fresh"] <= fresh(visits)
    assert counted(donebit, name, visits) == expected(visits)
    assert not state_of(file).exists()


def test_after_a_kill_the_number_of_new_users_is_at_least(
    donebit: Donebit, way: LossyWay, name: str, file: Path
) -> None:
    loading = start_and_wait(donebit, way, file, name, 1000)
    loading.kill()
    loading.communicate()
    way.release()

    assert "at least " in donebit("load", file, "--event", name).out


def test_ctrl_c_is_clean_and_what_it_had_sent_is_still_counted_right(
    donebit: Donebit, way: LossyWay, name: str, file: Path, visits: list[Visit]
) -> None:
    loading = start_and_wait(donebit, way, file, name, SIZE // 10)

    loading.send_signal(signal.SIGINT)
    way.release()
    _, err = loading.communicate(timeout=IN_TIME)
    last = donebit("load", file, "--event", name, *SMALL, "--json")

    assert loading.returncode == 130
    assert err.decode().startswith("stopped after line ")
    assert "Traceback" not in err.decode()
    assert (last.json["received"], last.json["fresh"]) == (SIZE, fresh(visits))
    assert last.json["fresh_is_exact"] is True
    assert counted(donebit, name, visits) == expected(visits)


@pytest.fixture
def own_distinct(services: RealServices, own_server: RunningServer, tmp_path: Path) -> Iterator[Started]:
    """A distinct_app that can be stopped; its port is in the environment that it was given."""
    folder = tmp_path / "distinct"
    folder.mkdir()
    port = free_server_port()
    own = RealServices({**services.ports, "distinct": port})
    settings = {"DISTINCT_PORT": str(port), "REDIS_URL": own_server.url, "API_TOKEN": ""}
    started = Started([sys.executable, "-m", "distinct_app"], folder, **settings)
    (folder / "port").write_text(str(port))
    eventually(own.healthy, IN_TIME)
    yield started
    started.end()


def test_a_load_that_lost_the_service_continues_with_another(
    donebit: Donebit, own_distinct: Started, name: str, file: Path, visits: list[Visit], tmp_path: Path
) -> None:
    usual = donebit.environment["DISTINCT_PORT"]
    with lossy_way_to(f"http://{LOOPBACK}:{(tmp_path / 'distinct/port').read_text()}") as way:
        loading = start_and_wait(donebit, way, file, name, SIZE // 10)
        own_distinct.end()
    # The way has ended with it.
    _, err = loading.communicate(timeout=2 * IN_TIME)

    assert loading.returncode == 4
    assert err.decode().startswith("error: distinct_app ")
    assert "run the same command again to continue" in err.decode()
    assert err.decode().count("\n") == 1

    donebit.environment["DISTINCT_PORT"] = usual
    elsewhere = donebit("load", file, "--event", name)
    assert (
        elsewhere.code == 2
    )  # another service may be another server: nothing says that it has the first part

    assert donebit("load", file, "--event", name, "--restart").code == 0
    assert counted(donebit, name, visits) == expected(visits)


def interrupted(donebit: Donebit, event: str) -> Path:
    """A file that was loaded up to a bad line."""
    file = write_csv(donebit.folder / "few.csv", some(10, seed=3))
    with file.open("a") as end:
        end.write("8,noon\n")
    assert donebit("load", file, "--event", event).code == 1
    assert state_of(file).exists()
    return file


def grow(file: Path) -> None:
    with file.open("a") as end:
        end.write("9,noon\n")


def touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def change_head(file: Path) -> None:
    before = file.stat()
    file.write_text(file.read_text().replace("noon", "nine"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [grow, touch, change_head])
def test_a_file_that_has_changed_is_not_gone_on_with(donebit: Donebit, name: str, change: object) -> None:
    file = interrupted(donebit, name)
    assert callable(change)
    change(file)

    refused = donebit("load", file, "--event", name, "--skip-bad")
    restarted = donebit("load", file, "--event", name, "--skip-bad", "--restart", "--json")

    assert (refused.code, refused.out) == (2, "")
    assert "which has changed since; --restart starts from the beginning" in refused.err
    assert (restarted.code, restarted.json["received"], restarted.json["received_before"]) == (5, 10, 0)


def test_nor_is_one_that_was_loaded_otherwise(donebit: Donebit, name: str) -> None:
    file = interrupted(donebit, name)

    refused = donebit("load", file, "--event", f"{name}-other", "--skip-bad")

    assert refused.code == 2
    assert "a load with other options" in refused.err


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"identity": {}, "progress": {}, "sending": 1}', "\xff"]
)
def test_a_damaged_progress_file_is_refused(donebit: Donebit, name: str, content: str) -> None:
    file = interrupted(donebit, name)
    state_of(file).write_text(content, encoding="latin-1")

    refused = donebit("load", file, "--event", name)

    assert refused.code == 2
    assert "--restart starts from the beginning" in refused.err


def test_the_state_may_be_kept_elsewhere(donebit: Donebit, name: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "visits.csv", [*some(10, seed=3), Visit(8, "noon")])
    kept = tmp_path / "kept"

    assert donebit("load", file, "--event", name, "--state", kept).code == 1

    assert kept.exists()
    assert not state_of(file).exists()
    assert (
        donebit("load", file, "--event", name, "--state", kept, "--skip-bad", "--json").json["received"] == 10
    )
    assert not kept.exists()


def test_a_place_that_cannot_hold_the_progress_is_refused(
    donebit: Donebit, name: str, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "visits.csv", some(10, seed=3))

    refused = donebit("load", file, "--event", name, "--state", tmp_path / "nowhere" / "kept")

    assert refused.code == 2
    assert "--state names another file" in refused.err
    assert donebit("count", name, "--json").json["count"] == 0


def test_progress_that_can_no_longer_be_stored_is_no_wrong_usage(
    donebit: Donebit, way: LossyWay, name: str, file: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    loading = start_and_wait(donebit, way, file, name, 1, "--state", place / "kept")

    place.rename(tmp_path / "elsewhere")
    way.release()
    _, err = loading.communicate(timeout=IN_TIME)

    assert loading.returncode == 1
    assert "the progress cannot be stored in" in err.decode()
    assert re.search(r"Loaded up to line [1-9]\d*; run the same command again", err.decode())


def test_a_terminal_shows_a_bar_of_the_file(donebit: Donebit, name: str, file: Path) -> None:
    loading = donebit.at_terminal("load", file, "--event", name, *SMALL, columns=100)

    loading.wait_for("lines/s")

    assert loading.exit_code() == 0
    assert "visits.csv" in loading.seen
    assert f"40,000 visits loaded from {file.name}" in loading.seen.rstrip().splitlines()[-1]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("8,noon", 1),
        (f"ada,{clock.now().date()}", 3),  # the event holds integers, which distinct_app says
        ("8,1999-12-31", 3),  # no longer kept
    ],
)
def test_a_load_that_loaded_nothing_leaves_no_progress(
    donebit: Donebit, name: str, first: str, code: int
) -> None:
    assert donebit("visit", name, 7).code == 0
    file = donebit.folder / "few.csv"
    file.write_text(f"user,at\n{first}\n")

    failed = donebit("load", file, "--event", name, *(("--ids", "texts") if code == 3 else ()))
    corrected = donebit("load", file, "--event", f"{name}-other", "--at", clock.now().date(), "--json")

    assert failed.code == code
    assert (corrected.code, corrected.json["received"]) == (0, 1)
    assert [file.name for file in donebit.folder.iterdir()] == ["few.csv"]


def test_progress_stays_where_a_part_of_a_refused_batch_arrived(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "few.csv"
    file.write_text(f"user,at\n7,{clock.iso(clock.now())}\n8,1999-12-31T10:00:00Z\n")

    assert donebit("load", file, "--event", name).code == 3

    assert state_of(file).exists()
