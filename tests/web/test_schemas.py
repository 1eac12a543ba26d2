"""Each service against its own OpenAPI document: every route, with thousands of good and bad requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.config import LARGEST_TASK
from donebit.demo.forks import Forks
from tests.servers import running, valkey_binary
from tests.web.conformance import assert_conforms
from tests.web.real import RealServices, running_services

# What no schema can say: the jobs that there are, what a cron expression is, the steps of a task, the hours
# that are kept, the kind of users an event holds. There, and only there, a request that fits the schema may
# be refused.
REFUSES = """
[[operations]]
include-path-regex = "{paths}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]
"""
# So that not all that is asked is 404.
USES = """
[[operations]]
include-path-regex = "{paths}"
parameters = {{ "path.task_id" = "{task_id}" }}
"""
# What is not there is empty, not 404: a flag that was dropped is one that nobody has, and so with events.
STAYS = """
[[operations]]
include-path-regex = "{paths}"
checks.use_after_free.enabled = false
"""
# A task may be named `actions`, so its page and its deletion are at the address of the actions on many.
SHARES = """
[[operations]]
include-path-regex = "{paths}"
checks.allow_header_conformance.enabled = false
"""
CONFIGURATIONS = {
    "trigger": REFUSES.format(paths="^/tasks$|/rerun$|^/tokens|^/schedules|^/expectations"),
    "done": REFUSES.format(
        paths="^/done$|^/tasks$|/steps|/items|/(missing|results|failures|extend|close|resume|retry|cancel|pause)$|^/tasks/[^/]+$"
    )
    + USES.format(paths="^/tasks/[^/]+$|/(missing|bitmap|events|failures)$", task_id="known")
    + USES.format(paths="/cancel$", task_id="cancelled")
    + SHARES.format(paths="/actions$"),
    "distinct": REFUSES.format(
        paths="^/distinct$|^/events/|^/visits$|^/flags/|^/permissions/|^/query|^/funnel$"
    )
    + STAYS.format(paths="^/flags|^/events"),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    folder = tmp_path_factory.mktemp("schemas")
    with (
        running(valkey_binary(), folder) as server,
        running_services(
            tmp_path_factory.mktemp("services"), server.url, MAX_STEPS=str(LARGEST_TASK)
        ) as real,
    ):
        yield real


@pytest.mark.parametrize("service", CONFIGURATIONS)
def test_the_service_is_as_its_document_says(
    services: RealServices, service: str, fuzzer: Forks, tmp_path: Path
) -> None:
    for task_id in ("known", "cancelled"):
        services.ask("trigger", "POST", "/tasks", {"count": 100, "task_id": task_id})

    address = services.url(service, "/openapi.json")
    assert_conforms(fuzzer, address, tmp_path, CONFIGURATIONS[service], "--max-examples", "6")
