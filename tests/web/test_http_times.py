"""Requests are timed by route and status; whoever asks for what is not there makes no new labels."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from donebit.store import Store
from tests.web.services import NAMES, Services

METRIC = "donebit_http_request_duration_seconds"
Labels = tuple[str, str, str]


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def samples(services: Services, suffix: str, service: str = "done") -> dict[Labels, float]:
    text = services.of(service).get("/metrics").text
    families = text_string_to_metric_families(text)
    found = [one for family in families for one in family.samples if one.name == METRIC + suffix]
    return {
        (one.labels["method"], one.labels["route"], one.labels["status"]): one.value
        for one in found
        if one.labels.get("le", "+Inf") == "+Inf"
    }


def grown(services: Services, before: dict[Labels, float], service: str = "done") -> dict[Labels, float]:
    """How many more there are of each than before; the request for the metrics itself is left out."""
    after = samples(services, "_count", service)
    more = {labels: count - before.get(labels, 0) for labels, count in after.items()}
    return {labels: count for labels, count in more.items() if count and labels[1] != "/metrics"}


def test_a_request_is_counted_by_its_route_and_status(services: Services) -> None:
    task_id = services.start(3)
    before = samples(services, "_count")

    services.done.put(f"/tasks/{task_id}/steps/1")
    services.done.put(f"/tasks/{task_id}/steps/2")
    services.done.put(f"/tasks/{task_id}/steps/7")
    services.done.get("/tasks/nosuch")

    assert grown(services, before) == {
        ("PUT", "/tasks/<task_id>/steps/<n>", "200"): 2,
        ("PUT", "/tasks/<task_id>/steps/<n>", "422"): 1,
        ("GET", "/tasks/<task_id>", "404"): 1,
    }


def test_paths_and_methods_that_are_none_share_one_label(services: Services) -> None:
    before = samples(services, "_count")

    for number in range(3):
        services.done.get(f"/nosuch/{number}")
    services.done.open("/tasks", method="BREW")

    found = grown(services, before)
    assert found == {("(none)", "(none)", "404"): 3, ("(none)", "(none)", "405"): 1}


def test_a_refused_request_is_counted_too(services: Services) -> None:
    before = samples(services, "_count")

    services.done.get("/tasks", headers={"Host": "evil.example"})

    assert grown(services, before) == {("GET", "/tasks", "403"): 1}


@pytest.mark.parametrize("service", NAMES)
def test_buckets_count_up_to_all_requests(services: Services, service: str) -> None:
    services.of(service).get("/health/live")

    buckets, counts = (samples(services, suffix, service) for suffix in ("_bucket", "_count"))
    sums = samples(services, "_sum", service)

    live = ("GET", "/health/live", "200")
    assert buckets[live] == counts[live] >= 1
    assert 0 < sums[live] < 10 * counts[live]
