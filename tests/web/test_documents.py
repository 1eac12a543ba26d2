"""Health, figures, and the documents of the services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from donebit.queue import QUEUES
from donebit.store import Store
from donebit.store.heartbeats import HeartbeatStore
from donebit.workers.write_probe import WriteProbe
from tests.web.services import ELSEWHERE, NAMES, Services, body_of

EXEMPLARY = ("default", "example", "examples")


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
def test_the_documentations_first_page_is_the_reference(real_services: Services, service: str) -> None:
    client = real_services.of(service)

    assert client.get("/docs/").text == client.get("/docs/swagger").text


@pytest.mark.parametrize("service", NAMES)
def test_the_figures_are_such_as_prometheus_reads(real_services: Services, service: str) -> None:
    text = real_services.of(service).get("/metrics").text

    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert found["donebit_up"][0].value == 1
    assert len(found["donebit_queue_messages"]) == len(QUEUES)


@pytest.mark.parametrize("service", NAMES)
def test_health_says_who_was_seen(real_services: Services, service: str) -> None:
    unseen = {"seen": False, "last_seen": None}

    answer = body_of(real_services.of(service).get("/health"))

    seen = {"worker": unseen, "sweep": unseen, "skewed_clocks": [], "warnings": []}
    assert answer == {"status": "ok", "service": f"{service}_app", **seen}


@pytest.mark.parametrize("service", NAMES)
def test_a_live_service_says_so_without_redis(service: str) -> None:
    away = Services(Store.at(ELSEWHERE))

    assert body_of(away.of(service).get("/health/live")) == {"status": "ok", "service": f"{service}_app"}
    assert away.of(service).get("/health").status_code == 503


def test_health_writes_at_most_once_a_second(real_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    beaten: list[str] = []
    beat = HeartbeatStore.beat

    def count(heartbeats: HeartbeatStore, of: str, now_ms: int) -> None:
        beaten.append(of)
        beat(heartbeats, of, now_ms)

    monkeypatch.setattr(HeartbeatStore, "beat", count)
    seconds = [100.0]
    monkeypatch.setattr("donebit.workers.write_probe.time.monotonic", lambda: seconds[0])
    probe = WriteProbe(real_store)

    for later in (0, 0, 0.5, 0.6, 0.1):
        seconds[0] += later
        probe.check()

    assert beaten == ["health"] * 2


def schemas_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a document that has a default or an example; those of a parameter's own too."""
    if isinstance(part, dict):
        if any(word in part for word in EXEMPLARY) and {"type", "anyOf", "$ref"} & part.keys():
            yield part
        if "schema" in part and "example" in part:
            yield {**part["schema"], "example": part["example"]}
        for inner in part.values():
            yield from schemas_in(inner)
    if isinstance(part, list):
        for inner in part:
            yield from schemas_in(inner)


@pytest.mark.parametrize("service", NAMES)
def test_every_default_and_example_fits_its_schema(real_services: Services, service: str) -> None:
    document = body_of(real_services.of(service).get("/openapi.json"))

    unfit = [
        (value, schema)
        for schema in schemas_in(document)
        for word in EXEMPLARY
        for value in (
            schema.get(word, []) if word == "examples" else [schema[word]] if word in schema else []
        )
        if not Draft202012Validator(schema | {"components": document["components"]}).is_valid(value)
    ]
    assert unfit == []
