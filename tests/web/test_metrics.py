"""What an operator sees of the store in /metrics and /health: full, without rights, with a replica."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from donebit.completion import announcing, counting, reporting
from donebit.completion.measures import STEP_TIMES, Tally
from donebit.store import Store
from donebit.store.schedules import ScheduleStore
from tests.completion.arranged import start
from tests.servers import RunningServer, running, valkey_binary
from tests.started import eventually
from tests.web.services import NAMES, Services, body_of
from tests.workers.arranged import a_worker, shows

WITHOUT_INFO = "ACL SETUSER donebit on >p resetkeys ~* resetchannels &* -@all +@all -info"
READER = "ACL SETUSER donebit on >p resetkeys ~* resetchannels &* -@all +@all -@write"
ServicesAt = Callable[[str], Services]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as own:
        yield own


@pytest.fixture
def services(server: RunningServer) -> Services:
    return Services(Store.at(server.url))


def as_user(server: RunningServer, line: str) -> Services:
    server.client.execute_command(*line.split())  # type: ignore[no-untyped-call]  # the library leaves it untyped
    return Services(Store.at(f"redis://donebit:p@127.0.0.1:{server.port}/0"))


def figures(services: Services, service: str = "done") -> dict[str, float]:
    """The value of each metric that has no label."""
    text = services.of(service).get("/metrics").text
    families = text_string_to_metric_families(text)
    return {one.name: one.value for family in families for one in family.samples if not one.labels}


def labelled(services: Services, name: str) -> list[float]:
    text = services.done.get("/metrics").text
    families = text_string_to_metric_families(text)
    return [one.value for family in families for one in family.samples if one.name == name]


@pytest.mark.parametrize("service", NAMES)
def test_metrics_show_how_the_store_is(server: RunningServer, services: Services, service: str) -> None:
    server.client.config_set("maxmemory", 100_000_000)

    found = figures(services, service)

    assert found["donebit_store_writable"] == 1
    assert 0 < found["donebit_store_memory_bytes"] < found["donebit_store_memory_limit_bytes"] == 100_000_000
    assert found["donebit_store_last_save_timestamp_seconds"] > 1_600_000_000
    assert found["donebit_store_last_save_ok"] == 1
    assert (found["donebit_store_append_only"], found["donebit_store_append_only_ok"]) == (1, 1)
    assert found["donebit_store_replicas"] == 0


def test_a_full_store_shows_in_metrics(server: RunningServer, services: Services) -> None:
    server.client.config_set("maxmemory", 1)

    found = figures(services)

    assert (found["donebit_up"], found["donebit_store_writable"]) == (1, 0)
    assert found["donebit_store_memory_bytes"] > found["donebit_store_memory_limit_bytes"] == 1


def test_an_append_only_file_turned_off_shows_in_metrics(server: RunningServer, services: Services) -> None:
    server.client.config_set("appendonly", "no")

    found = figures(services)

    assert found["donebit_store_append_only"] == 0
    assert "donebit_store_append_only_ok" not in found  # of no file


def test_replicas_show_with_how_far_they_are_behind(
    server: RunningServer, services: Services, tmp_path: Path
) -> None:
    (tmp_path / "replica").mkdir()
    with running(valkey_binary(), tmp_path / "replica") as replica:
        replica.client.replicaof("127.0.0.1", str(server.port))
        eventually(
            lambda: labelled(services, "donebit_store_replica_lag_bytes"), 20, what="no replica is shown"
        )

        seconds = labelled(services, "donebit_store_replica_lag_seconds")

    assert len(seconds) == 1
    assert 0 <= seconds[0] < 20


def test_metrics_of_a_user_without_info_lack_only_what_it_says(server: RunningServer) -> None:
    found = figures(as_user(server, WITHOUT_INFO))

    assert (found["donebit_up"], found["donebit_store_writable"]) == (1, 1)
    assert found["donebit_open_tasks"] == 0
    assert not [name for name in found if "store_memory" in name or "append" in name]


@pytest.mark.parametrize("service", NAMES)
def test_health_of_a_user_who_may_not_write_is_503(server: RunningServer, service: str) -> None:
    services = as_user(server, READER)

    assert body_of(services.of(service).get("/health"), 503)["status"] == "unavailable"
    assert figures(services)["donebit_store_writable"] == 0


def test_schedules_are_counted_and_the_first_of_them_by_name(services: Services) -> None:
    for name in ("a", "b", "c"):
        body = {"name": name, "cron": "@daily", "task": {"count": 1}, "paused": name == "c"}
        body_of(services.trigger.post("/schedules", json=body), 201)

    assert labelled(services, "donebit_schedules") == [2, 1]
    assert labelled(services, "donebit_schedule_firings_total") == [0] * 9


def test_redis_that_goes_away_while_it_is_read_is_down(
    server: RunningServer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ScheduleStore.names

    def stop_first(schedules: ScheduleStore) -> list[str]:
        server.client.shutdown(nosave=True)
        return names(schedules)

    monkeypatch.setattr(ScheduleStore, "names", stop_first)

    found = figures(services)

    assert found["donebit_up"] == 0
    assert "donebit_open_tasks" not in found


def sample(services: Services, name: str, **labels: str) -> list[float]:
    text = services.done.get("/metrics").text
    families = text_string_to_metric_families(text)
    found = [one for family in families for one in family.samples if one.name == f"donebit_{name}"]
    return [one.value for one in found if labels.items() <= one.labels.items()]


def test_the_end_of_a_task_shows_with_its_job(real_store: Store) -> None:
    task = start(real_store, 1, job="thumbnail")
    reporting.report(real_store, task.id, [0])
    announcing.announce(real_store, task.id)

    services = Services(real_store)

    assert sample(services, "tasks_ended_total", job_name="thumbnail", end="done") == [1]
    assert sample(services, "tasks_ended_total", job_name="thumbnail", end="failed") == [0]
    assert sample(services, "task_duration_seconds_count", job_name="thumbnail") == [1]


def test_buckets_add_up_to_those_of_longer_durations(real_store: Store) -> None:
    tally = Tally()
    for seconds in (0.0005, 0.003, 0.004, 7200.0):
        tally.observe(STEP_TIMES, "thumbnail", seconds)
    counting.add_tally(real_store, tally)

    services = Services(real_store)

    upto = {
        bound: sample(services, "step_duration_seconds_bucket", job_name="thumbnail", le=bound)
        for bound in ("0.001", "0.005", "1800.0", "+Inf")
    }
    assert upto == {"0.001": [1], "0.005": [3], "1800.0": [3], "+Inf": [4]}
    assert sample(services, "step_duration_seconds_sum") == [pytest.approx(7200.0075)]


def test_a_job_of_a_live_worker_is_nought_before_its_first_task(real_store: Store) -> None:
    shows(real_store, replace(a_worker(), jobs=["fresh"]))

    assert sample(Services(real_store), "stalls_total", job_name="fresh") == [0]


def test_only_done_app_shows_what_all_processes_count(real_store: Store) -> None:
    services = Services(real_store)

    assert "donebit_steps_total" in services.done.get("/metrics").text
    assert "donebit_steps_total" not in services.trigger.get("/metrics").text
