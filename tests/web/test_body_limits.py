"""How large a body each route takes."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from donebit.config import Settings
from donebit.store import Store
from donebit.web.body_limits import EXPRESSION, OTHERS, SIGN_IN, SMALL, BodyLimits
from tests.conftest import everything
from tests.web.services import NAMES, Services, body_of, problem_of


@pytest.mark.parametrize("service", NAMES)
def test_every_route_of_the_table_is_one_of_the_service(real_services: Services, service: str) -> None:
    rules = real_services.of(service).application.url_map.iter_rules()
    known = {(method, rule.rule) for rule in rules for method in rule.methods or ()}

    assert set(OTHERS[f"{service}_app"]) - known == set()


@pytest.mark.parametrize(
    ("service", "method", "path", "most"),
    [
        ("trigger", "POST", "/sign-in", SIGN_IN),
        ("trigger", "POST", "/start", SMALL),
        ("done", "POST", "/tasks/a/failures", SMALL),
        ("done", "PUT", "/tasks/a/steps/0", 68 * 1024),
        ("distinct", "PUT", "/permissions/k", SMALL),
        ("distinct", "POST", "/query", EXPRESSION),
        ("distinct", "PUT", "/flags/f", EXPRESSION),
    ],
)
def test_a_body_above_the_limit_of_its_route_is_413_and_one_at_it_is_not(
    real_services: Services, real_client: Redis, service: str, method: str, path: str, most: int
) -> None:
    def send(size: int) -> int:
        answer = real_services.of(service).open(
            path, method=method, data=b" " * size, content_type="application/json"
        )
        if answer.status_code == 413:
            assert f"at most {most} bytes are taken here" in problem_of(answer, 413)["detail"]
        return answer.status_code

    assert send(most) != 413
    assert send(most + 1) == 413
    assert everything(real_client) == {}


def test_a_report_of_as_many_ranges_as_may_be_is_within_its_limit(real_store: Store) -> None:
    services = Services(real_store)
    task_id = services.start(10_000_000)
    ranges = [[9_000_000 + 2 * number, 9_000_000 + 2 * number + 1] for number in range(10_000)]

    answer = services.done.post(
        f"/tasks/{task_id}/steps",
        data=json.dumps({"ranges": ranges}, indent=4),
        content_type="application/json",
    )

    assert body_of(answer)["fresh"] == 10_000


def test_the_setting_bounds_every_route() -> None:
    limits = BodyLimits("distinct_app", Settings(max_body_bytes=10_000))

    assert limits.of_route("POST", "/visits").most == 10_000
    assert limits.of_route("POST", "/query").most == 10_000
    assert limits.of_route("POST", "/funnel").most == 10_000
