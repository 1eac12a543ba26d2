"""Health, figures, and the documents of the services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.services import NAMES, Services, body_of


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


@pytest.mark.parametrize("service", NAMES)
def test_every_reference_of_the_document_leads_somewhere(real_services: Services, service: str) -> None:
    document = body_of(real_services.of(service).get("/openapi.json"))

    assert document["openapi"].startswith("3.1")
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert "#/components/schemas/Problem" in set(references(document))
    assert set(references(document)) <= known


@pytest.mark.parametrize("service", NAMES)
def test_the_documentation_page_loads_nothing_from_elsewhere(real_services: Services, service: str) -> None:
    client = real_services.of(service)
    page = client.get("/docs/", follow_redirects=True).text

    assert re.findall(r"""(?:src|href)=["']\s*(?:https?:)?//""", page) == []


@pytest.mark.parametrize("service", NAMES)
def test_the_figures_are_such_as_prometheus_reads(real_services: Services, service: str) -> None:
    text = real_services.of(service).get("/metrics").text

    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert found["donebit_up"][0].value == 1
    assert len(found["donebit_queue_messages"]) == 3


@pytest.mark.parametrize("service", NAMES)
def test_health_says_who_was_seen(real_services: Services, service: str) -> None:
    unseen = {"seen": False, "last_seen": None}

    answer = body_of(real_services.of(service).get("/health"))

    assert answer == {"status": "ok", "worker": unseen, "sweep": unseen, "warnings": []}
